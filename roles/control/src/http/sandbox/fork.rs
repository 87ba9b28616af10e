//! `POST /sandbox/{sandboxIdOrName}/fork`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, ForkSandbox, Sandbox};

use super::show;
use crate::app::{App, Error, sandbox::fork};
use crate::auth::extract::SandboxOf;
use crate::auth::rights::WriteSandboxes;
use crate::http::read::{Addresses, JsonOf};

/// Makes a sandbox of the files of another, which is started or stopped. Answers with the new one, and waits as creation
/// does.
#[utoipa::path(post, path = "/sandbox/{sandboxIdOrName}/fork", operation_id = "forkSandbox", tag = "sandbox",
    params(("sandboxIdOrName" = String, Path)), request_body = ForkSandbox,
    responses((status = 200, body = Sandbox), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn fork_sandbox(
    State(app): State<App>,
    SandboxOf { sandbox, .. }: SandboxOf<WriteSandboxes>,
    Addresses(urls): Addresses,
    JsonOf(request): JsonOf<ForkSandbox>,
) -> Result<Json<Sandbox>, Error> {
    let record = fork::fork(&app, sandbox, request.name).await?;
    Ok(Json(show(&app, record, &urls)))
}
