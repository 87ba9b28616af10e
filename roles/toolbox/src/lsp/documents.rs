//! `POST /lsp/did-open` and `POST /lsp/did-close`.

use std::sync::Arc;

use axum::extract::State;
use paddock_wire_toolbox::LspDocumentRequest;

use super::uri::path_of;
use crate::http::{ApiError, Json};
use crate::toolbox::Shared;

/// The server reads the document as it is on disk now. Opening it again is how it learns of an edit.
pub(crate) async fn did_open(
    State(shared): State<Arc<Shared>>,
    Json(request): Json<LspDocumentRequest>,
) -> Result<(), ApiError> {
    let server = shared.language_servers.find(&request.language_id, &request.path_to_project)?;
    server.open(&shared, path_of(&request.uri, &shared.work_dir)).await
}

pub(crate) async fn did_close(
    State(shared): State<Arc<Shared>>,
    Json(request): Json<LspDocumentRequest>,
) -> Result<(), ApiError> {
    let server = shared.language_servers.find(&request.language_id, &request.path_to_project)?;
    server.close(&shared, &path_of(&request.uri, &shared.work_dir)).await
}
