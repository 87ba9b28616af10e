//! `DELETE /process/pty/{id}`: the end of a terminal and of all that runs in it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use paddock_wire_toolbox::MessageResponse;

use crate::http::ApiError;
use crate::spawn::kill_family;
use crate::toolbox::Shared;

/// Answers when its processes are gone. Clients that are attached hear of exit code 137.
pub(crate) async fn delete(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<Json<MessageResponse>, ApiError> {
    let session = shared.terminals.take(&id)?;
    // In a task of its own: it goes on when the client goes away.
    let killed = tokio::spawn(async move {
        if let Some(leader) = session.delete() {
            kill_family(leader, &shared.reaper).await;
        }
    });
    killed.await.map_err(|_| ApiError::internal("a defect in the toolbox, see its log"))?;
    Ok(Json(MessageResponse { message: "PTY session deleted".to_owned() }))
}
