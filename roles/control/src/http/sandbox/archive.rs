//! `POST /sandbox/{sandboxIdOrName}/archive`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, Sandbox};

use super::show;
use crate::app::{App, Error, sandbox::change};
use crate::auth::extract::SandboxOf;
use crate::auth::rights::WriteSandboxes;
use crate::http::read::Addresses;

/// Begins to move the files of a stopped sandbox to the object store and answers at once.
#[utoipa::path(post, path = "/sandbox/{sandboxIdOrName}/archive", operation_id = "archiveSandbox", tag = "sandbox",
    params(("sandboxIdOrName" = String, Path)),
    responses((status = 200, body = Sandbox), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn archive_sandbox(
    State(app): State<App>,
    SandboxOf { sandbox, .. }: SandboxOf<WriteSandboxes>,
    Addresses(urls): Addresses,
) -> Result<Json<Sandbox>, Error> {
    let record = change::archive(&app, sandbox).await?;
    Ok(Json(show(&app, record, &urls)))
}
