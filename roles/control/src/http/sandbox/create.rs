//! `POST /sandbox`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{CreateSandbox, ErrorBody, Sandbox};

use super::show;
use crate::app::{App, Error, sandbox};
use crate::auth::extract::May;
use crate::auth::rights::WriteSandboxes;
use crate::http::read::{Addresses, JsonOf};

/// Makes a sandbox. The answer waits at most 30 seconds for it to be started; later it shows the state
/// that it then has.
#[utoipa::path(post, path = "/sandbox", operation_id = "createSandbox", tag = "sandbox",
    request_body = CreateSandbox,
    responses((status = 200, body = Sandbox), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn create_sandbox(
    State(app): State<App>,
    May { caller, .. }: May<WriteSandboxes>,
    Addresses(urls): Addresses,
    JsonOf(request): JsonOf<CreateSandbox>,
) -> Result<Json<Sandbox>, Error> {
    let record = sandbox::create::create(&app, caller.organization(), request).await?;
    Ok(Json(show(&app, record, &urls)))
}
