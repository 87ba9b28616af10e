//! `POST /snapshots/{id}/deactivate`

use axum::extract::State;
use axum::http::StatusCode;
use paddock_wire_control::ErrorBody;

use crate::app::{App, Error, snapshot};
use crate::auth::extract::May;
use crate::auth::rights::WriteSnapshots;
use crate::http::read::PathText;

/// Takes a snapshot off the hosts and keeps it. No sandbox can be made of it until it is activated; those that were made live
/// on. One that is `inactive` stays so.
#[utoipa::path(post, path = "/snapshots/{id}/deactivate", operation_id = "deactivateSnapshot", tag = "snapshots",
    params(("id" = String, Path)),
    responses((status = 204), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn deactivate_snapshot(
    State(app): State<App>,
    May { caller, .. }: May<WriteSnapshots>,
    PathText(text): PathText,
) -> Result<StatusCode, Error> {
    snapshot::make::deactivate(&app, caller.organization(), &text).await?;
    Ok(StatusCode::NO_CONTENT)
}
