//! `POST /sandbox/{sandboxIdOrName}/pause`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, Sandbox};

use super::show;
use crate::app::{App, Error, sandbox::change};
use crate::auth::extract::SandboxOf;
use crate::auth::rights::WriteSandboxes;
use crate::http::read::Addresses;

/// Begins to freeze a started sandbox and answers at once. Processes and memory stay; see docs/lifecycle.md for what survives.
#[utoipa::path(post, path = "/sandbox/{sandboxIdOrName}/pause", operation_id = "pauseSandbox", tag = "sandbox",
    params(("sandboxIdOrName" = String, Path)),
    responses((status = 200, body = Sandbox), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn pause_sandbox(
    State(app): State<App>,
    SandboxOf { sandbox, .. }: SandboxOf<WriteSandboxes>,
    Addresses(urls): Addresses,
) -> Result<Json<Sandbox>, Error> {
    let record = change::pause(&app, sandbox).await?;
    Ok(Json(show(&app, record, &urls)))
}
