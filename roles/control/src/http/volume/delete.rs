//! `DELETE /volumes/{volumeId}`

use axum::extract::State;
use axum::http::StatusCode;
use paddock_wire_control::ErrorBody;

use crate::app::{App, Error, volume};
use crate::auth::extract::May;
use crate::auth::rights::DeleteVolumes;
use crate::http::read::PathText;

/// Begins to remove a volume with all that it holds. Refused while a sandbox mounts it that is not being deleted.
#[utoipa::path(delete, path = "/volumes/{volumeId}", operation_id = "deleteVolume", tag = "volumes",
    params(("volumeId" = String, Path)),
    responses((status = 200), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn delete_volume(
    State(app): State<App>,
    May { caller, .. }: May<DeleteVolumes>,
    PathText(id): PathText,
) -> Result<StatusCode, Error> {
    volume::delete(&app, caller.organization(), &id).await?;
    Ok(StatusCode::OK)
}
