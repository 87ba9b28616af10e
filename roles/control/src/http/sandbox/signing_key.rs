//! `GET /sandbox/{sandboxId}/signing-key` and `POST …/rotate`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::ErrorBody;

use crate::app::{App, Error, signing};
use crate::auth::extract::SandboxOf;
use crate::auth::rights::WriteSandboxes;

/// The key that signs addresses of a sandbox's files. Whoever has it can read and write them.
#[utoipa::path(get, path = "/sandbox/{sandboxId}/signing-key", operation_id = "getSandboxSigningKey", tag = "sandbox",
    params(("sandboxId" = String, Path)),
    responses((status = 200, body = String, content_type = "application/json"), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn get_signing_key(
    State(app): State<App>,
    SandboxOf { sandbox, .. }: SandboxOf<WriteSandboxes>,
) -> Result<Json<String>, Error> {
    Ok(Json(signing::key_of(&app, sandbox.id).await?))
}

/// A new key: every address that was signed with the old one is void from now on.
#[utoipa::path(post, path = "/sandbox/{sandboxId}/signing-key/rotate", operation_id = "rotateSigningKey", tag = "sandbox",
    params(("sandboxId" = String, Path)),
    responses((status = 200, body = String, content_type = "application/json"), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn rotate_signing_key(
    State(app): State<App>,
    SandboxOf { sandbox, .. }: SandboxOf<WriteSandboxes>,
) -> Result<Json<String>, Error> {
    Ok(Json(signing::rotate(&app, sandbox.id).await?))
}
