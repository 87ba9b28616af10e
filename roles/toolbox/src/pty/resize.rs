//! `POST /process/pty/{id}/resize`.

use std::sync::Arc;

use axum::extract::{Path, State};
use paddock_wire_toolbox::{ErrorCode, PtyResizeRequest, PtySessionInfo};

use super::options::size;
use crate::http::{ApiError, Json};
use crate::toolbox::Shared;

pub(crate) async fn resize(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Json(request): Json<PtyResizeRequest>,
) -> Result<axum::Json<PtySessionInfo>, ApiError> {
    let size = size(request.cols, request.rows)?;
    let session = shared.terminals.get(&id).ok().filter(|session| session.resize(size));
    let ended = || ApiError::new(ErrorCode::SessionEnded, format!("PTY session is not there any more: {id}"));
    Ok(axum::Json(session.ok_or_else(ended)?.info()))
}
