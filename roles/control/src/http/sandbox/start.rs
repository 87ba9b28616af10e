//! `POST /sandbox/{sandboxIdOrName}/start`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, Sandbox};

use super::show;
use crate::app::{App, Error, sandbox::change};
use crate::auth::extract::SandboxOf;
use crate::auth::rights::WriteSandboxes;
use crate::http::read::Addresses;

/// Starts a stopped sandbox. The answer waits as that of creation does.
#[utoipa::path(post, path = "/sandbox/{sandboxIdOrName}/start", operation_id = "startSandbox", tag = "sandbox",
    params(("sandboxIdOrName" = String, Path)),
    responses((status = 200, body = Sandbox), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn start_sandbox(
    State(app): State<App>,
    SandboxOf { sandbox, .. }: SandboxOf<WriteSandboxes>,
    Addresses(urls): Addresses,
) -> Result<Json<Sandbox>, Error> {
    let record = change::start(&app, sandbox).await?;
    Ok(Json(show(&app, record, &urls)))
}
