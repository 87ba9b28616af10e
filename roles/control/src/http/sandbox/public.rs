//! `POST /sandbox/{sandboxIdOrName}/public/{isPublic}`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, Sandbox};

use super::show;
use crate::app::{App, Error, sandbox::settings};
use crate::auth::extract::SandboxOf;
use crate::auth::rights::WriteSandboxes;
use crate::http::read::{Addresses, PathFlag};

/// Whether its previews need no credential.
#[utoipa::path(post, path = "/sandbox/{sandboxIdOrName}/public/{isPublic}", operation_id = "updatePublicStatus", tag = "sandbox",
    params(("sandboxIdOrName" = String, Path), ("isPublic" = bool, Path)),
    responses((status = 200, body = Sandbox), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn update_public_status(
    State(app): State<App>,
    SandboxOf { sandbox, .. }: SandboxOf<WriteSandboxes>,
    PathFlag(is_public): PathFlag,
    Addresses(urls): Addresses,
) -> Result<Json<Sandbox>, Error> {
    let record = settings::set_public(&app, &sandbox, is_public).await?;
    Ok(Json(show(&app, record, &urls)))
}
