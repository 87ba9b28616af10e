//! `GET /sandbox/{sandboxIdOrName}/build-logs-url` and `GET /sandbox/{sandboxIdOrName}/build-logs`

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use paddock_store::SandboxRecord;
use paddock_types::{BuildInfo, SandboxState};
use paddock_wire_control::{BuildLogs, ErrorBody, Url};

use crate::app::{App, Error};
use crate::auth::extract::SandboxOf;
use crate::auth::rights::Read;
use crate::build::Key;
use crate::http::read::{Addresses, QueryOf};
use crate::http::snapshot::build_logs::stream;

/// Where the log of a sandbox's build is to be had.
#[utoipa::path(get, path = "/sandbox/{sandboxIdOrName}/build-logs-url", operation_id = "getBuildLogsUrl", tag = "sandbox",
    params(("sandboxIdOrName" = String, Path)),
    responses((status = 200, body = Url), (status = 404, body = ErrorBody), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn get_build_logs_url(
    SandboxOf { sandbox, .. }: SandboxOf<Read>,
    Addresses(urls): Addresses,
) -> Result<Json<Url>, Error> {
    of_build(&sandbox)?;
    Ok(Json(Url { url: format!("{}/sandbox/{}/build-logs", urls.api, sandbox.id) }))
}

/// The log of a sandbox's build, as text; with `follow=true` until the build ends.
#[utoipa::path(get, path = "/sandbox/{sandboxIdOrName}/build-logs", operation_id = "getBuildLogs", tag = "sandbox",
    params(("sandboxIdOrName" = String, Path), BuildLogs),
    responses((status = 200, body = String, content_type = "text/plain"), (status = 404, body = ErrorBody), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn get_build_logs(
    State(app): State<App>,
    SandboxOf { sandbox, .. }: SandboxOf<Read>,
    QueryOf(BuildLogs { follow }): QueryOf<BuildLogs>,
) -> Result<Response, Error> {
    let info = of_build(&sandbox)?;
    let is_ended =
        !matches!(sandbox.status.state, SandboxState::PendingBuild | SandboxState::BuildingSnapshot);
    let key = Key { organization: sandbox.organization, reference: info.reference };
    Ok(stream(&app, &key, follow, is_ended).await)
}

fn of_build(sandbox: &SandboxRecord) -> Result<BuildInfo, Error> {
    let missing = || Error::NotFound(format!("sandbox {:?} was not made of a build", sandbox.name));
    sandbox.build.clone().ok_or_else(missing)
}
