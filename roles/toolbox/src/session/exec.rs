//! `POST /process/session/{id}/exec`: a command, run in the session's shell.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use paddock_wire_toolbox::{ErrorCode, SessionExecuteRequest, SessionStarted};

use super::command::{NEVER_RAN, Typing};
use super::log::{Head, labelled_json};
use super::registry::ENTRYPOINT;
use crate::http::{ApiError, Client, Json};
use crate::toolbox::Shared;

/// 202 at once for an asynchronous command; else 200 when it has ended. The command goes on if the client
/// goes away.
pub(crate) async fn exec(
    State(shared): State<Arc<Shared>>,
    Path(session): Path<String>,
    client: Client,
    Json(request): Json<SessionExecuteRequest>,
) -> Result<Response, ApiError> {
    if session == ENTRYPOINT {
        return Err(ApiError::bad_request("the entrypoint session runs no other commands"));
    }
    if request.command.trim().is_empty() {
        return Err(ApiError::bad_request("command is required"));
    }
    if request.command.contains('\0') {
        return Err(ApiError::bad_request("a NUL byte in the command"));
    }
    let session = shared.sessions.get(&session)?;
    let is_async = request.run_async.unwrap_or(false) || request.is_async.unwrap_or(false);
    let typing = match (is_async, request.suppress_input_echo.unwrap_or(false)) {
        (false, _) => Typing::None,
        (true, false) => Typing::Echoed,
        (true, true) => Typing::Silent,
    };
    let command = session.submit(request.command, typing)?;
    if is_async {
        let started = SessionStarted { cmd_id: command.id.clone() };
        return Ok((StatusCode::ACCEPTED, axum::Json(started)).into_response());
    }
    let exit_code = command.ended().await;
    let ended = || ApiError::new(ErrorCode::SessionEnded, "the session ended before the command did");
    if exit_code == NEVER_RAN {
        return Err(ended());
    }
    let head = Head::Command { id: command.id.clone(), exit_code };
    let answer = labelled_json(&command.log, head, client.log_form()).await;
    // Its log may have gone with the session just now.
    answer.map_err(|error| if session.is_gone.is_cancelled() { ended() } else { error })
}
