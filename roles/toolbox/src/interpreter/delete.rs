//! `DELETE /process/interpreter/context/{id}`: ends a context and the execution that runs in it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use paddock_wire_toolbox::{ErrorCode, MessageResponse};

use super::contexts::DEFAULT;
use crate::http::ApiError;
use crate::toolbox::Shared;

pub(crate) async fn delete(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<Json<MessageResponse>, ApiError> {
    if id == DEFAULT {
        return Err(ApiError::bad_request("the default context cannot be deleted"));
    }
    let missing = || ApiError::new(ErrorCode::ProcessNotFound, format!("context not found: {id}"));
    let context = shared.interpreter.remove(&id).ok_or_else(missing)?;
    context.deleted.cancel();
    let mut turn = context.turn().await;
    if let Some(worker) = turn.idle_worker().await {
        worker.end().await;
    }
    turn.finish_without_worker();
    Ok(Json(MessageResponse { message: "context deleted".to_owned() }))
}
