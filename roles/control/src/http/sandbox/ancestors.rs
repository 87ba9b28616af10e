//! `GET /sandbox/{sandboxIdOrName}/ancestors`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, Sandbox};

use super::show;
use crate::app::{App, Error, sandbox::fork};
use crate::auth::extract::SandboxOf;
use crate::auth::rights::Read;
use crate::http::read::Addresses;

/// Whom this sandbox descends from by forks, the oldest first; at most fifty.
#[utoipa::path(get, path = "/sandbox/{sandboxIdOrName}/ancestors", operation_id = "getSandboxAncestors", tag = "sandbox",
    params(("sandboxIdOrName" = String, Path)),
    responses((status = 200, body = Vec<Sandbox>), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn get_sandbox_ancestors(
    State(app): State<App>,
    SandboxOf { sandbox, .. }: SandboxOf<Read>,
    Addresses(urls): Addresses,
) -> Result<Json<Vec<Sandbox>>, Error> {
    let ancestors = fork::ancestors(&app, &sandbox).await?;
    Ok(Json(ancestors.into_iter().map(|record| show(&app, record, &urls)).collect()))
}
