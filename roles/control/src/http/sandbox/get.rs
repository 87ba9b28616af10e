//! `GET /sandbox/{sandboxIdOrName}`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, Sandbox};

use super::show;
use crate::app::App;
use crate::auth::extract::SandboxOf;
use crate::auth::rights::Read;
use crate::http::read::Addresses;

/// One sandbox. What every waiting client asks again and again: one read of a key and one of a row.
#[utoipa::path(get, path = "/sandbox/{sandboxIdOrName}", operation_id = "getSandbox", tag = "sandbox",
    params(("sandboxIdOrName" = String, Path), ("verbose" = Option<bool>, Query, description = "Ignored.")),
    responses((status = 200, body = Sandbox), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn get_sandbox(
    State(app): State<App>,
    SandboxOf { sandbox, .. }: SandboxOf<Read>,
    Addresses(urls): Addresses,
) -> Json<Sandbox> {
    Json(show(&app, sandbox, &urls))
}
