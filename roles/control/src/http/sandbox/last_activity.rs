//! `POST /sandbox/{sandboxId}/last-activity`

use axum::extract::State;
use axum::http::StatusCode;
use paddock_wire_control::{ErrorBody, UpdateLastActivity};

use crate::app::{App, sandbox};
use crate::auth::extract::SandboxOf;
use crate::auth::rights::WriteSandboxes;
use crate::http::read::JsonOf;

/// Notes that a sandbox is in use.
#[utoipa::path(post, path = "/sandbox/{sandboxId}/last-activity", operation_id = "updateLastActivity", tag = "sandbox",
    params(("sandboxId" = String, Path)), request_body = Option<UpdateLastActivity>,
    responses((status = 201), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn update_last_activity(
    State(app): State<App>,
    SandboxOf { sandbox, .. }: SandboxOf<WriteSandboxes>,
    JsonOf(request): JsonOf<UpdateLastActivity>,
) -> StatusCode {
    tracing::debug!(sandbox.id = %sandbox.id, kind = request.activity_type, "a sandbox is in use");
    sandbox::touch(&app, sandbox.id);
    StatusCode::CREATED
}
