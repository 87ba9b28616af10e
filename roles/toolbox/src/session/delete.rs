//! `DELETE /process/session/{id}`: the end of a session, its processes and its logs.

use std::sync::Arc;

use axum::extract::{Path, State};
use http::StatusCode;

use super::grace::grace;
use crate::http::ApiError;
use crate::toolbox::Shared;

/// Answers when its processes are gone: at once as a rule, after the grace period at the latest.
pub(crate) async fn delete(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let session = shared.sessions.take(&id)?;
    // In a task of its own: it goes on when the client goes away.
    let deleted = tokio::spawn(async move {
        session.delete(&shared.reaper, grace(&shared.environment())).await;
    });
    deleted.await.map_err(|_| ApiError::internal("a defect in the toolbox, see its log"))?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /process/session/entrypoint`.
pub(crate) async fn delete_entrypoint() -> ApiError {
    ApiError::bad_request("the entrypoint session cannot be deleted")
}
