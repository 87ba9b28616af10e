//! `GET /sandbox/{sandboxIdOrName}/parent`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, Sandbox};

use super::show;
use crate::app::{App, Error, sandbox::fork};
use crate::auth::extract::SandboxOf;
use crate::auth::rights::Read;
use crate::http::read::Addresses;

/// The sandbox that this one was forked from; 404 when there is none.
#[utoipa::path(get, path = "/sandbox/{sandboxIdOrName}/parent", operation_id = "getSandboxParent", tag = "sandbox",
    params(("sandboxIdOrName" = String, Path)),
    responses((status = 200, body = Sandbox), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn get_sandbox_parent(
    State(app): State<App>,
    SandboxOf { sandbox, .. }: SandboxOf<Read>,
    Addresses(urls): Addresses,
) -> Result<Json<Sandbox>, Error> {
    let parent = fork::parent(&app, &sandbox).await?;
    Ok(Json(show(&app, parent, &urls)))
}
