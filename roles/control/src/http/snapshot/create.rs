//! `POST /snapshots`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{CreateSnapshot, ErrorBody, SnapshotDto};

use super::show;
use crate::app::{App, Error, snapshot};
use crate::auth::extract::May;
use crate::auth::rights::WriteSnapshots;
use crate::http::read::JsonOf;

/// Makes a snapshot of an image of a registry, or of a build. Answers at once: it is `active` when it can be used, or
/// `error` or `build_failed` with a reason.
#[utoipa::path(post, path = "/snapshots", operation_id = "createSnapshot", tag = "snapshots",
    request_body = CreateSnapshot,
    responses((status = 200, body = SnapshotDto), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn create_snapshot(
    State(app): State<App>,
    May { caller, .. }: May<WriteSnapshots>,
    JsonOf(request): JsonOf<CreateSnapshot>,
) -> Result<Json<SnapshotDto>, Error> {
    let record = snapshot::make::create(&app, caller.organization(), request).await?;
    Ok(Json(show(&app, record)))
}
