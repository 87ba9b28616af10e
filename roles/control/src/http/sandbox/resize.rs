//! `POST /sandbox/{sandboxIdOrName}/resize`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, ResizeSandbox, Sandbox};

use super::show;
use crate::app::{App, Error, sandbox::change};
use crate::auth::extract::SandboxOf;
use crate::auth::rights::WriteSandboxes;
use crate::http::read::{Addresses, JsonOf};

/// Begins to give a sandbox another size and answers at once. A started one can only grow, and not its disk; the disk
/// never shrinks.
#[utoipa::path(post, path = "/sandbox/{sandboxIdOrName}/resize", operation_id = "resizeSandbox", tag = "sandbox",
    params(("sandboxIdOrName" = String, Path)), request_body = ResizeSandbox,
    responses((status = 200, body = Sandbox), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn resize_sandbox(
    State(app): State<App>,
    SandboxOf { sandbox, .. }: SandboxOf<WriteSandboxes>,
    Addresses(urls): Addresses,
    JsonOf(request): JsonOf<ResizeSandbox>,
) -> Result<Json<Sandbox>, Error> {
    let record = change::resize(&app, sandbox, &request).await?;
    Ok(Json(show(&app, record, &urls)))
}
