//! `GET /volumes`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, ListVolumes, VolumeDto};

use super::show;
use crate::app::{App, Error};
use crate::auth::extract::May;
use crate::auth::rights::ReadVolumes;
use crate::http::read::QueryOf;

/// The organization's volumes, the newest first. Those that are gone are listed for a day, when asked for.
#[utoipa::path(get, path = "/volumes", operation_id = "listVolumes", tag = "volumes", params(ListVolumes),
    responses((status = 200, body = Vec<VolumeDto>), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn list_volumes(
    State(app): State<App>,
    May { caller, .. }: May<ReadVolumes>,
    QueryOf(query): QueryOf<ListVolumes>,
) -> Result<Json<Vec<VolumeDto>>, Error> {
    let found = app.store.list_volumes(caller.organization(), query.include_deleted).await?;
    Ok(Json(found.into_iter().map(show).collect()))
}
