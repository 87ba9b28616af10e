//! `POST /warm-pools`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use paddock_wire_control::{CreateWarmPool, ErrorBody, WarmPool};

use super::show;
use crate::app::{App, Error, warm_pool};
use crate::auth::extract::May;
use crate::auth::rights::WriteSandboxes;
use crate::http::read::JsonOf;

/// Keeps sandboxes of a snapshot started before anybody asks for them. Answers before the first of them is.
#[utoipa::path(post, path = "/warm-pools", operation_id = "createWarmPool", tag = "warm-pools",
    request_body = CreateWarmPool,
    responses((status = 201, body = WarmPool), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn create_warm_pool(
    State(app): State<App>,
    May { caller, .. }: May<WriteSandboxes>,
    JsonOf(request): JsonOf<CreateWarmPool>,
) -> Result<(StatusCode, Json<WarmPool>), Error> {
    let pool = warm_pool::create(&app, caller.organization(), request).await?;
    Ok((StatusCode::CREATED, Json(show(pool))))
}
