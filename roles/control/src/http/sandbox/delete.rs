//! `DELETE /sandbox/{sandboxIdOrName}`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, Sandbox};

use super::show;
use crate::app::{App, Error, sandbox::change};
use crate::auth::extract::SandboxOf;
use crate::auth::rights::DeleteSandboxes;
use crate::http::read::Addresses;

/// Deletes a sandbox in any state, whatever is under way. Its name is free at once; it is shown
/// `destroying` until nothing of it is left, then it is not found.
#[utoipa::path(delete, path = "/sandbox/{sandboxIdOrName}", operation_id = "deleteSandbox", tag = "sandbox",
    params(("sandboxIdOrName" = String, Path)),
    responses((status = 200, body = Sandbox), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn delete_sandbox(
    State(app): State<App>,
    SandboxOf { sandbox, .. }: SandboxOf<DeleteSandboxes>,
    Addresses(urls): Addresses,
) -> Result<Json<Sandbox>, Error> {
    let record = change::delete(&app, sandbox).await?;
    Ok(Json(show(&app, record, &urls)))
}
