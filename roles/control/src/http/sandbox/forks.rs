//! `GET /sandbox/{sandboxIdOrName}/forks`

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use paddock_wire_control::{ErrorBody, Query, Sandbox};

use super::show;
use crate::app::{App, Error};
use crate::auth::extract::SandboxOf;
use crate::auth::rights::Read;
use crate::http::read::Addresses;

/// The sandboxes that were forked from this one, the oldest first.
#[utoipa::path(get, path = "/sandbox/{sandboxIdOrName}/forks", operation_id = "getSandboxForks", tag = "sandbox",
    params(("sandboxIdOrName" = String, Path),
        ("includeDestroyed" = Option<bool>, Query, description = "Those too that are gone.")),
    responses((status = 200, body = Vec<Sandbox>), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn get_sandbox_forks(
    State(app): State<App>,
    SandboxOf { sandbox, .. }: SandboxOf<Read>,
    Addresses(urls): Addresses,
    uri: Uri,
) -> Result<Json<Vec<Sandbox>>, Error> {
    let mut query = Query::parse(uri.query());
    let include_destroyed = query.flag("includeDestroyed") == Some(true);
    query.finish()?;
    let forks = app.store.list_forks(sandbox.id, include_destroyed).await?;
    Ok(Json(forks.into_iter().map(|record| show(&app, record, &urls)).collect()))
}
