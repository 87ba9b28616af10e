//! `POST /process/session`: a new shell.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use paddock_wire_toolbox::CreateSessionRequest;

use super::registry::ENTRYPOINT;
use crate::http::{ApiError, Client, Json};
use crate::toolbox::Shared;

pub(crate) async fn create(
    State(shared): State<Arc<Shared>>,
    client: Client,
    Json(request): Json<CreateSessionRequest>,
) -> Result<StatusCode, ApiError> {
    let id = request.session_id.filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| ApiError::bad_request("sessionId is required"))?;
    if id == ENTRYPOINT {
        return Err(ApiError::bad_request("the session id \"entrypoint\" is the entrypoint's"));
    }
    // In a task of its own: a client that goes away must not leave an id half taken.
    let created = tokio::spawn(async move {
        let home = shared.home.as_deref().filter(|_| client.starts_sessions_at_home());
        let start = home.unwrap_or(&shared.work_dir);
        shared.sessions.create(id, start, &shared).await
    });
    created.await.unwrap_or_else(|_| Err(ApiError::internal("a defect in the toolbox, see its log")))?;
    Ok(StatusCode::CREATED)
}
