//! `POST /process/session/{id}/command/{id}/input`: typing to an asynchronous command.

use std::sync::Arc;

use axum::extract::{Path, State};
use http::StatusCode;
use paddock_wire_toolbox::SendInputRequest;

use super::registry::ENTRYPOINT;
use crate::http::{ApiError, Json};
use crate::toolbox::Shared;

/// Answers when the command's pipe has taken all of it.
pub(crate) async fn input(
    State(shared): State<Arc<Shared>>,
    Path((session, command)): Path<(String, String)>,
    Json(request): Json<SendInputRequest>,
) -> Result<StatusCode, ApiError> {
    if session == ENTRYPOINT {
        return Err(ApiError::bad_request("the entrypoint takes no input"));
    }
    let (session, command) = shared.sessions.command(&session, &command)?;
    session.check_running()?;
    let mut data = request.data;
    if !data.ends_with('\n') {
        data.push('\n');
    }
    command.type_in(data).await?;
    Ok(StatusCode::NO_CONTENT)
}
