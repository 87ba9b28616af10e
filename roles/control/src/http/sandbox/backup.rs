//! `POST /sandbox/{sandboxIdOrName}/backup`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, Sandbox};

use super::show;
use crate::app::{App, Error, sandbox::change};
use crate::auth::extract::SandboxOf;
use crate::auth::rights::WriteSandboxes;
use crate::http::read::Addresses;

/// Begins to copy the files of a sandbox to the object store and answers at once. It can be used meanwhile.
#[utoipa::path(post, path = "/sandbox/{sandboxIdOrName}/backup", operation_id = "createBackup", tag = "sandbox",
    params(("sandboxIdOrName" = String, Path)),
    responses((status = 200, body = Sandbox), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn create_backup(
    State(app): State<App>,
    SandboxOf { sandbox, .. }: SandboxOf<WriteSandboxes>,
    Addresses(urls): Addresses,
) -> Result<Json<Sandbox>, Error> {
    let record = change::back_up(&app, sandbox).await?;
    Ok(Json(show(&app, record, &urls)))
}
