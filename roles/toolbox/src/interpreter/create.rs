//! `POST /process/interpreter/context`: a new context, with its process.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use paddock_wire_toolbox::{CreateContextRequest, InterpreterContext};

use super::worker::WorkerError;
use crate::http::{ApiError, Json as JsonBody};
use crate::spawn::StartError;
use crate::toolbox::Shared;

pub(crate) async fn create(
    State(shared): State<Arc<Shared>>,
    JsonBody(request): JsonBody<CreateContextRequest>,
) -> Result<Json<InterpreterContext>, ApiError> {
    if let Some(language) = request.language.filter(|language| !language.is_empty() && language != "python") {
        return Err(ApiError::bad_request(format!(
            "unsupported language: {language:?}, only python is supported"
        )));
    }
    let directory = match request.cwd.filter(|cwd| !cwd.is_empty()) {
        Some(cwd) => shared.resolve(&cwd),
        None => shared.work_dir.clone(),
    };
    let context = shared.interpreter.add(directory);
    let mut turn = context.turn().await;
    match turn.worker(&shared).await {
        Ok(worker) => turn.finish(worker),
        Err(error) => {
            shared.interpreter.remove(&context.describe().id);
            return Err(match error {
                WorkerError::Start(StartError::Directory { .. }) => ApiError::bad_request(error.to_string()),
                _ => ApiError::internal(error.to_string()),
            });
        }
    }
    Ok(Json(context.describe()))
}
