//! `DELETE /warm-pools/{id}`

use axum::extract::State;
use axum::http::StatusCode;
use paddock_wire_control::ErrorBody;

use crate::app::{App, Error, warm_pool};
use crate::auth::extract::May;
use crate::auth::rights::WriteSandboxes;
use crate::http::read::PathText;

/// Removes a pool, and with it the sandboxes that wait in it. Those that were handed out stay.
#[utoipa::path(delete, path = "/warm-pools/{id}", operation_id = "deleteWarmPool", tag = "warm-pools",
    params(("id" = String, Path)),
    responses((status = 204), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn delete_warm_pool(
    State(app): State<App>,
    May { caller, .. }: May<WriteSandboxes>,
    PathText(id): PathText,
) -> Result<StatusCode, Error> {
    warm_pool::delete(&app, caller.organization(), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
