//! `POST /lsp/start`: a server that runs from now on. One that runs is left alone.

use std::sync::Arc;

use axum::extract::State;
use paddock_wire_toolbox::LspServerRequest;

use super::servers::not_started;
use crate::http::{ApiError, Json};
use crate::toolbox::Shared;

pub(crate) async fn start(
    State(shared): State<Arc<Shared>>,
    Json(LspServerRequest { language_id, path_to_project }): Json<LspServerRequest>,
) -> Result<(), ApiError> {
    let server = shared.language_servers.find_or_add(&shared, &language_id, &path_to_project)?;
    if let Err(error) = server.connection(&shared).await {
        shared.language_servers.remove(&language_id, &path_to_project);
        return Err(not_started(server.language, error));
    }
    Ok(())
}
