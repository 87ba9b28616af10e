//! `POST /lsp/stop`: shuts a server down and forgets it.

use std::sync::Arc;

use axum::extract::State;
use paddock_wire_toolbox::LspServerRequest;

use crate::http::{ApiError, Json};
use crate::toolbox::Shared;

/// One that was not started is 500, as the reference has it.
pub(crate) async fn stop(
    State(shared): State<Arc<Shared>>,
    Json(LspServerRequest { language_id, path_to_project }): Json<LspServerRequest>,
) -> Result<(), ApiError> {
    let missing = || {
        ApiError::internal(format!(
            "the language server for {language_id} in {path_to_project} has not been started"
        ))
    };
    let server = shared.language_servers.remove(&language_id, &path_to_project).ok_or_else(missing)?;
    server.stop().await;
    Ok(())
}
