//! `GET /lsp/workspacesymbols?query&languageId&pathToProject`: what is defined in a project under a name.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use paddock_wire_toolbox::LspSymbol;
use serde_json::json;

use super::{scan, shapes};
use crate::http::{ApiError, Query};
use crate::toolbox::Shared;

pub(crate) async fn workspace_symbols(
    State(shared): State<Arc<Shared>>,
    query: Query,
) -> Result<Json<Vec<LspSymbol>>, ApiError> {
    let wanted = query.required("query")?;
    let server =
        shared.language_servers.find(query.required("languageId")?, query.required("pathToProject")?)?;
    let connection = server.connection(&shared).await?;
    if !connection.can("workspaceSymbolProvider") {
        let documents = server.documents().await;
        let found = scan::symbols(&connection, &server.directory, server.language, documents, wanted).await?;
        return Ok(Json(found));
    }
    // Some know a project only once one of its documents is open.
    let opened = match server.documents().await.is_empty() {
        true => scan::first_source(&server.directory, server.language).await,
        false => None,
    };
    if let Some(path) = &opened {
        server.open(&shared, path.clone()).await?;
    }
    let answer = connection.request("workspace/symbol", json!({"query": wanted})).await;
    if let Some(path) = &opened {
        server.close(&shared, path).await?;
    }
    Ok(Json(shapes::symbols(&answer?, "")))
}
