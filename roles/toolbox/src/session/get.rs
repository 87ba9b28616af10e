//! What sessions there are, and their commands.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use paddock_wire_toolbox::{Session, SessionCommand};

use super::registry::ENTRYPOINT;
use crate::http::ApiError;
use crate::toolbox::Shared;

/// `GET /process/session`: all but the entrypoint's, in the order in which they were made.
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Json<Vec<Session>> {
    Json(shared.sessions.list())
}

/// `GET /process/session/{id}`.
pub(crate) async fn get(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<Json<Session>, ApiError> {
    Ok(Json(shared.sessions.get(&id)?.listed()))
}

/// `GET /process/session/entrypoint`.
pub(crate) async fn entrypoint(State(shared): State<Arc<Shared>>) -> Result<Json<Session>, ApiError> {
    let command = shared.sessions.entrypoint()?;
    Ok(Json(Session { session_id: ENTRYPOINT.to_owned(), commands: vec![command.listed()] }))
}

/// `GET /process/session/{id}/command/{id}`.
pub(crate) async fn command(
    State(shared): State<Arc<Shared>>,
    Path((session, command)): Path<(String, String)>,
) -> Result<Json<SessionCommand>, ApiError> {
    let (_, command) = shared.sessions.command(&session, &command)?;
    Ok(Json(command.listed()))
}
