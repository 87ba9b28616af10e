//! `GET /volumes/{volumeId}`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, VolumeDto};

use super::show;
use crate::app::{App, Error, volume};
use crate::auth::extract::May;
use crate::auth::rights::ReadVolumes;
use crate::http::read::PathText;

/// One volume. One that is gone is found for a day.
#[utoipa::path(get, path = "/volumes/{volumeId}", operation_id = "getVolume", tag = "volumes",
    params(("volumeId" = String, Path)),
    responses((status = 200, body = VolumeDto), (status = 404, body = ErrorBody), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn get_volume(
    State(app): State<App>,
    May { caller, .. }: May<ReadVolumes>,
    PathText(id): PathText,
) -> Result<Json<VolumeDto>, Error> {
    Ok(Json(show(volume::get(&app, caller.organization(), &id).await?)))
}
