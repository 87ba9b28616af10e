//! `POST /sandbox/{sandboxIdOrName}/autoarchive/{interval}`

use axum::Json;
use axum::extract::State;
use paddock_types::AutoArchive;
use paddock_wire_control::{ErrorBody, Sandbox};

use super::show;
use crate::app::{App, Error, sandbox::settings};
use crate::auth::extract::SandboxOf;
use crate::auth::rights::WriteSandboxes;
use crate::http::read::{Addresses, PathMinutes};

/// After how many minutes of being stopped it is archived; 0 is the longest, 30 days.
#[utoipa::path(post, path = "/sandbox/{sandboxIdOrName}/autoarchive/{interval}", operation_id = "setAutoArchiveInterval", tag = "sandbox",
    params(("sandboxIdOrName" = String, Path), ("interval" = f64, Path)),
    responses((status = 200, body = Sandbox), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn set_auto_archive_interval(
    State(app): State<App>,
    SandboxOf { sandbox, .. }: SandboxOf<WriteSandboxes>,
    PathMinutes(minutes): PathMinutes,
    Addresses(urls): Addresses,
) -> Result<Json<Sandbox>, Error> {
    let interval = AutoArchive::from_wire(minutes).map_err(|error| Error::Invalid(error.to_string()))?;
    let record = settings::set_auto_archive(&app, &sandbox, interval).await?;
    Ok(Json(show(&app, record, &urls)))
}
