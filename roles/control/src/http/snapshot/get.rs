//! `GET /snapshots/{id}`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, SnapshotDto};

use super::show;
use crate::app::{App, Error, snapshot};
use crate::auth::extract::Member;
use crate::http::read::PathText;

/// One snapshot by id or name. A name may hold encoded slashes.
#[utoipa::path(get, path = "/snapshots/{id}", operation_id = "getSnapshot", tag = "snapshots",
    params(("id" = String, Path)),
    responses((status = 200, body = SnapshotDto), (status = 404, body = ErrorBody), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn get_snapshot(
    State(app): State<App>,
    Member(caller): Member,
    PathText(text): PathText,
) -> Result<Json<SnapshotDto>, Error> {
    let found = snapshot::find(&app, caller.organization(), &text).await?;
    let shown: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
    let record = found.ok_or_else(|| Error::NotFound(format!("snapshot {shown:?} not found")))?;
    Ok(Json(show(&app, record)))
}
