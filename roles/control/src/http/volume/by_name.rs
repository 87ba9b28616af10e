//! `GET /volumes/by-name/{name}`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, VolumeDto};

use super::show;
use crate::app::{App, Error, volume};
use crate::auth::extract::May;
use crate::auth::rights::ReadVolumes;
use crate::http::read::PathText;

/// One volume by name. SDKs make one when this is 404, as it is from the moment of a deletion.
#[utoipa::path(get, path = "/volumes/by-name/{name}", operation_id = "getVolumeByName", tag = "volumes",
    params(("name" = String, Path)),
    responses((status = 200, body = VolumeDto), (status = 404, body = ErrorBody), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn get_volume_by_name(
    State(app): State<App>,
    May { caller, .. }: May<ReadVolumes>,
    PathText(name): PathText,
) -> Result<Json<VolumeDto>, Error> {
    Ok(Json(show(volume::get_by_name(&app, caller.organization(), &name).await?)))
}
