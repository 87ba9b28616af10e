//! `POST /snapshots/{id}/activate`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, SnapshotDto};

use super::show;
use crate::app::{App, Error, snapshot};
use crate::auth::extract::May;
use crate::auth::rights::WriteSnapshots;
use crate::http::read::PathText;

/// Makes a snapshot usable again that is `inactive`. It is `pending` until a host has it.
#[utoipa::path(post, path = "/snapshots/{id}/activate", operation_id = "activateSnapshot", tag = "snapshots",
    params(("id" = String, Path)),
    responses((status = 200, body = SnapshotDto), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn activate_snapshot(
    State(app): State<App>,
    May { caller, .. }: May<WriteSnapshots>,
    PathText(text): PathText,
) -> Result<Json<SnapshotDto>, Error> {
    let record = snapshot::make::activate(&app, caller.organization(), &text).await?;
    Ok(Json(show(&app, record)))
}
