//! `POST /sandbox/{sandboxIdOrName}/autodelete/{interval}`

use axum::Json;
use axum::extract::State;
use paddock_types::AutoDelete;
use paddock_wire_control::{ErrorBody, Sandbox};

use super::show;
use crate::app::{App, Error, sandbox::settings};
use crate::auth::extract::SandboxOf;
use crate::auth::rights::WriteSandboxes;
use crate::http::read::{Addresses, PathMinutes};

/// After how many minutes of being stopped it is deleted; 0 is at once, negative is never.
#[utoipa::path(post, path = "/sandbox/{sandboxIdOrName}/autodelete/{interval}", operation_id = "setAutoDeleteInterval", tag = "sandbox",
    params(("sandboxIdOrName" = String, Path), ("interval" = f64, Path)),
    responses((status = 200, body = Sandbox), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn set_auto_delete_interval(
    State(app): State<App>,
    SandboxOf { sandbox, .. }: SandboxOf<WriteSandboxes>,
    PathMinutes(minutes): PathMinutes,
    Addresses(urls): Addresses,
) -> Result<Json<Sandbox>, Error> {
    let interval = AutoDelete::from_wire(minutes).map_err(|error| Error::Invalid(error.to_string()))?;
    let record = settings::set_auto_delete(&app, &sandbox, interval).await?;
    Ok(Json(show(&app, record, &urls)))
}
