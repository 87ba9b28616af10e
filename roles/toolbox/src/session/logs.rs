//! `GET …/logs`: what a command has written, once or as it comes.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use tokio_util::sync::CancellationToken;

use super::command::Command;
use super::follow;
use super::log::{Head, Until, labelled_json, text};
use crate::http::websocket::Upgrade;
use crate::http::{ApiError, Client, LogForm, Query};
use crate::toolbox::Shared;

/// `GET /process/session/{id}/command/{id}/logs`.
pub(crate) async fn logs(
    State(shared): State<Arc<Shared>>,
    Path((session, command)): Path<(String, String)>,
    query: Query,
    client: Client,
    upgrade: Option<Upgrade>,
) -> Result<Response, ApiError> {
    let (session, command) = shared.sessions.command(&session, &command)?;
    let form = client.log_form();
    respond(&shared, &command, &session.is_gone, Request { query, client, upgrade, form }).await
}

/// `GET /process/session/entrypoint/logs`: as any other, but always with marks.
pub(crate) async fn entrypoint_logs(
    State(shared): State<Arc<Shared>>,
    query: Query,
    client: Client,
    upgrade: Option<Upgrade>,
) -> Result<Response, ApiError> {
    let command = shared.sessions.entrypoint()?;
    let form = match client.log_form() {
        LogForm::Split => LogForm::Split,
        LogForm::Labelled | LogForm::Combined => LogForm::Labelled,
    };
    respond(&shared, &command, &CancellationToken::new(), Request { query, client, upgrade, form }).await
}

struct Request {
    query: Query,
    client: Client,
    upgrade: Option<Upgrade>,
    form: LogForm,
}

async fn respond(
    shared: &Shared,
    command: &Command,
    is_gone: &CancellationToken,
    request: Request,
) -> Result<Response, ApiError> {
    let Request { query, client, upgrade, form } = request;
    let until = if query.is_set("follow")? { Until::Finished } else { Until::Now };
    match (upgrade, until) {
        (Some(upgrade), _) => {
            let form = client.socket_log_form();
            Ok(follow::over_socket(upgrade, &shared.sockets, &command.log, until, form, is_gone.clone()))
        }
        (None, Until::Finished) => Ok(follow::over_http(&command.log, form, is_gone.clone())),
        (None, Until::Now) if form == LogForm::Split => labelled_json(&command.log, Head::Log, form).await,
        (None, Until::Now) => text(&command.log, form).await,
    }
}
