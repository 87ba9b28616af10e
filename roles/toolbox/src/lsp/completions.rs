//! `POST /lsp/completions`: what could stand at a place.

use std::sync::Arc;

use axum::extract::State;
use paddock_wire_toolbox::{CompletionList, LspCompletionParams};
use serde_json::{Value, json};

use super::shapes;
use super::uri::{path_of, uri_of};
use crate::http::{ApiError, Json};
use crate::toolbox::Shared;

pub(crate) async fn completions(
    State(shared): State<Arc<Shared>>,
    Json(request): Json<LspCompletionParams>,
) -> Result<axum::Json<CompletionList>, ApiError> {
    let server = shared.language_servers.find(&request.language_id, &request.path_to_project)?;
    let connection = server.connection(&shared).await?;
    let mut parameters = json!({
        "textDocument": {"uri": uri_of(&path_of(&request.uri, &shared.work_dir))},
        "position": request.position,
    });
    if let Some(context @ Value::Object(_)) = request.context {
        parameters["context"] = context;
    }
    let answer = connection.request("textDocument/completion", parameters).await?;
    Ok(axum::Json(shapes::completions(&answer)))
}
