//! `POST /sandbox/{sandboxIdOrName}/recover`

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use paddock_wire_control::{ErrorBody, Query, Sandbox};

use super::show;
use crate::app::{App, Error, sandbox::change};
use crate::auth::extract::SandboxOf;
use crate::auth::rights::WriteSandboxes;
use crate::http::read::Addresses;

/// Tries again what failed, if it can be cured. The answer waits as that of creation does.
#[utoipa::path(post, path = "/sandbox/{sandboxIdOrName}/recover", operation_id = "recoverSandbox", tag = "sandbox",
    params(("sandboxIdOrName" = String, Path),
        ("skipStart" = Option<bool>, Query, description = "Leave it stopped.")),
    responses((status = 200, body = Sandbox), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn recover_sandbox(
    State(app): State<App>,
    SandboxOf { sandbox, .. }: SandboxOf<WriteSandboxes>,
    Addresses(urls): Addresses,
    uri: Uri,
) -> Result<Json<Sandbox>, Error> {
    let mut query = Query::parse(uri.query());
    let skip_start = query.flag("skipStart") == Some(true);
    query.finish()?;
    let record = change::recover(&app, sandbox, skip_start).await?;
    Ok(Json(show(&app, record, &urls)))
}
