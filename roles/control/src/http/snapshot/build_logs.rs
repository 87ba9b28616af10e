//! `GET /snapshots/{id}/build-logs-url` and `GET /snapshots/{id}/build-logs`

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use paddock_types::{BuildInfo, SnapshotState};
use paddock_wire_control::{BuildLogs, ErrorBody, Url};

use crate::app::{App, Error, snapshot};
use crate::auth::extract::Member;
use crate::build::{self, Key};
use crate::http::read::{Addresses, PathText, QueryOf};

/// Where the log of a snapshot's build is to be had.
#[utoipa::path(get, path = "/snapshots/{id}/build-logs-url", operation_id = "getSnapshotBuildLogsUrl", tag = "snapshots",
    params(("id" = String, Path)),
    responses((status = 200, body = Url), (status = 404, body = ErrorBody), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn get_snapshot_build_logs_url(
    State(app): State<App>,
    Member(caller): Member,
    Addresses(urls): Addresses,
    PathText(text): PathText,
) -> Result<Json<Url>, Error> {
    let (found, _) = of_build(&app, caller.organization(), &text).await?;
    Ok(Json(Url { url: format!("{}/snapshots/{}/build-logs", urls.api, found.id) }))
}

/// The log of a snapshot's build, as text; with `follow=true` until the build ends.
#[utoipa::path(get, path = "/snapshots/{id}/build-logs", operation_id = "getSnapshotBuildLogs", tag = "snapshots",
    params(("id" = String, Path), BuildLogs),
    responses((status = 200, body = String, content_type = "text/plain"), (status = 404, body = ErrorBody), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn get_snapshot_build_logs(
    State(app): State<App>,
    Member(caller): Member,
    PathText(text): PathText,
    QueryOf(BuildLogs { follow }): QueryOf<BuildLogs>,
) -> Result<Response, Error> {
    let (found, info) = of_build(&app, caller.organization(), &text).await?;
    let is_ended = !matches!(found.state, SnapshotState::Pending | SnapshotState::Building);
    let key = Key { organization: caller.organization(), reference: info.reference };
    Ok(stream(&app, &key, follow, is_ended).await)
}

async fn of_build(
    app: &App,
    organization: paddock_types::OrganizationId,
    text: &str,
) -> Result<(paddock_store::SnapshotRecord, BuildInfo), Error> {
    let found = snapshot::get(app, organization, text).await?;
    match found.build.clone() {
        Some(info) => Ok((found, info)),
        None => Err(Error::NotFound(format!("snapshot {:?} was not built here", found.name))),
    }
}

/// The log of a build as an answer. One that has not begun is waited for.
pub(in crate::http) async fn stream(app: &App, key: &Key, follow: bool, is_ended: bool) -> Response {
    let body = match build::log::read(app, key, follow, is_ended).await {
        Some(log) => Body::from_stream(log),
        None => Body::empty(),
    };
    let mut response = Response::new(body);
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    response
}
