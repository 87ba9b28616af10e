//! `POST /sandbox/{sandboxIdOrName}/stop`

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use paddock_wire_control::{ErrorBody, Query, Sandbox};

use super::show;
use crate::app::sandbox::change::{self, Grace};
use crate::app::{App, Error};
use crate::auth::extract::SandboxOf;
use crate::auth::rights::WriteSandboxes;
use crate::http::read::Addresses;

/// Begins to stop a started sandbox and answers at once. An ephemeral one is deleted.
#[utoipa::path(post, path = "/sandbox/{sandboxIdOrName}/stop", operation_id = "stopSandbox", tag = "sandbox",
    params(("sandboxIdOrName" = String, Path),
        ("force" = Option<bool>, Query, description = "End its processes without asking them first.")),
    responses((status = 200, body = Sandbox), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn stop_sandbox(
    State(app): State<App>,
    SandboxOf { sandbox, .. }: SandboxOf<WriteSandboxes>,
    Addresses(urls): Addresses,
    uri: Uri,
) -> Result<Json<Sandbox>, Error> {
    let mut query = Query::parse(uri.query());
    let grace = if query.flag("force") == Some(true) { Grace::None } else { Grace::Given };
    query.finish()?;
    let record = change::stop(&app, sandbox, grace).await?;
    Ok(Json(show(&app, record, &urls)))
}
