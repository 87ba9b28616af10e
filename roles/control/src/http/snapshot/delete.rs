//! `DELETE /snapshots/{id}`

use axum::extract::State;
use axum::http::StatusCode;
use paddock_wire_control::ErrorBody;

use crate::app::{App, Error, snapshot};
use crate::auth::extract::May;
use crate::auth::rights::DeleteSnapshots;
use crate::http::read::PathText;

/// Removes a snapshot, by id or name. Sandboxes that were made from it live on.
#[utoipa::path(delete, path = "/snapshots/{id}", operation_id = "removeSnapshot", tag = "snapshots",
    params(("id" = String, Path)),
    responses((status = 200), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn remove_snapshot(
    State(app): State<App>,
    May { caller, .. }: May<DeleteSnapshots>,
    PathText(text): PathText,
) -> Result<StatusCode, Error> {
    snapshot::remove(&app, caller.organization(), &text).await?;
    Ok(StatusCode::OK)
}
