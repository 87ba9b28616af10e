//! What terminals there are.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use paddock_wire_toolbox::{PtyListResponse, PtySessionInfo};

use crate::http::ApiError;
use crate::toolbox::Shared;

/// `GET /process/pty`.
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Json<PtyListResponse> {
    Json(PtyListResponse { sessions: shared.terminals.list() })
}

/// `GET /process/pty/{id}`.
pub(crate) async fn get(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<Json<PtySessionInfo>, ApiError> {
    Ok(Json(shared.terminals.get(&id)?.info()))
}
