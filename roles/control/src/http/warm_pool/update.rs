//! `PATCH /warm-pools/{id}`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, UpdateWarmPool, WarmPool};

use super::show;
use crate::app::{App, Error, warm_pool};
use crate::auth::extract::May;
use crate::auth::rights::WriteSandboxes;
use crate::http::read::{JsonOf, PathText};

/// Says how many sandboxes a pool keeps ready; 0 drains it.
#[utoipa::path(patch, path = "/warm-pools/{id}", operation_id = "updateWarmPool", tag = "warm-pools",
    params(("id" = String, Path)), request_body = UpdateWarmPool,
    responses((status = 200, body = WarmPool), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn update_warm_pool(
    State(app): State<App>,
    May { caller, .. }: May<WriteSandboxes>,
    PathText(id): PathText,
    JsonOf(request): JsonOf<UpdateWarmPool>,
) -> Result<Json<WarmPool>, Error> {
    Ok(Json(show(warm_pool::resize(&app, caller.organization(), &id, request).await?)))
}
