//! `GET /lsp/document-symbols?languageId&pathToProject&uri`: what is defined in a document.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use paddock_wire_toolbox::LspSymbol;
use serde_json::json;

use super::connection::{Connection, LspError};
use super::shapes;
use super::uri::{path_of, uri_of};
use crate::http::{ApiError, Query};
use crate::toolbox::Shared;

pub(crate) async fn document_symbols(
    State(shared): State<Arc<Shared>>,
    query: Query,
) -> Result<Json<Vec<LspSymbol>>, ApiError> {
    let uri = query.required("uri")?;
    let server =
        shared.language_servers.find(query.required("languageId")?, query.required("pathToProject")?)?;
    let connection = server.connection(&shared).await?;
    Ok(Json(symbols_of(&connection, &uri_of(&path_of(uri, &shared.work_dir))).await?))
}

/// Asks for the symbols of one document.
pub(super) async fn symbols_of(connection: &Connection, uri: &str) -> Result<Vec<LspSymbol>, LspError> {
    let parameters = json!({"textDocument": {"uri": uri}});
    let answer = connection.request("textDocument/documentSymbol", parameters).await?;
    Ok(shapes::symbols(&answer, uri))
}
