//! `POST /sandbox/{sandboxIdOrName}/ttl/{ttlMinutes}`

use axum::Json;
use axum::extract::State;
use paddock_types::TimeToLive;
use paddock_wire_control::{ErrorBody, Sandbox};

use super::show;
use crate::app::{App, Error, sandbox::settings};
use crate::auth::extract::SandboxOf;
use crate::auth::rights::WriteSandboxes;
use crate::http::read::{Addresses, PathMinutes};

/// How many minutes it lives from now on, whatever its state; 0 is for ever.
#[utoipa::path(post, path = "/sandbox/{sandboxIdOrName}/ttl/{ttlMinutes}", operation_id = "setTtl", tag = "sandbox",
    params(("sandboxIdOrName" = String, Path), ("ttlMinutes" = f64, Path)),
    responses((status = 200, body = Sandbox), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn set_ttl(
    State(app): State<App>,
    SandboxOf { sandbox, .. }: SandboxOf<WriteSandboxes>,
    PathMinutes(minutes): PathMinutes,
    Addresses(urls): Addresses,
) -> Result<Json<Sandbox>, Error> {
    let interval = TimeToLive::from_wire(minutes).map_err(|error| Error::Invalid(error.to_string()))?;
    let record = settings::set_time_to_live(&app, &sandbox, interval).await?;
    Ok(Json(show(&app, record, &urls)))
}
