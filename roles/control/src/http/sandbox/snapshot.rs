//! `POST /sandbox/{sandboxIdOrName}/snapshot`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{CreateSandboxSnapshot, ErrorBody, Sandbox};

use super::show;
use crate::app::{App, Error, sandbox::snapshot};
use crate::auth::extract::SandboxOf;
use crate::auth::rights::WriteSandboxes;
use crate::http::read::{Addresses, JsonOf};

/// Makes a snapshot of the files of a sandbox, which is started or stopped. Answers with the sandbox, which is
/// `snapshotting` until that is done.
#[utoipa::path(post, path = "/sandbox/{sandboxIdOrName}/snapshot", operation_id = "createSandboxSnapshot", tag = "sandbox",
    params(("sandboxIdOrName" = String, Path)), request_body = CreateSandboxSnapshot,
    responses((status = 200, body = Sandbox), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn create_sandbox_snapshot(
    State(app): State<App>,
    SandboxOf { sandbox, .. }: SandboxOf<WriteSandboxes>,
    Addresses(urls): Addresses,
    JsonOf(request): JsonOf<CreateSandboxSnapshot>,
) -> Result<Json<Sandbox>, Error> {
    let record = snapshot::take(&app, sandbox, request).await?;
    Ok(Json(show(&app, record, &urls)))
}
