//! Language servers.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which server: body of `POST /lsp/start` and `POST /lsp/stop`. Reference schema `LspServerRequest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct LspServerRequest {
    /// Such as `python` or `typescript`.
    pub language_id: String,
    /// The project's directory; compared as text.
    pub path_to_project: String,
}

/// A document of a server: body of `POST /lsp/did-open` and `POST /lsp/did-close`. Reference schema
/// `LspDocumentRequest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct LspDocumentRequest {
    /// As in [`LspServerRequest`].
    pub language_id: String,
    /// As in [`LspServerRequest`].
    pub path_to_project: String,
    /// `file://` and a path, which may be relative.
    pub uri: String,
}

/// Body of `POST /lsp/completions`. Reference schema `LspCompletionParams`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct LspCompletionParams {
    /// As in [`LspServerRequest`].
    pub language_id: String,
    /// As in [`LspServerRequest`].
    pub path_to_project: String,
    /// As in [`LspDocumentRequest`].
    pub uri: String,
    /// Where.
    pub position: LspPosition,
    /// Why; passed on to the server.
    #[serde(default)]
    pub context: Option<Value>,
}

/// Reference schema `LspPosition`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LspPosition {
    /// From 0.
    pub line: u32,
    /// From 0, in UTF-16 units.
    pub character: u32,
}

/// Reference schema `LspRange`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LspRange {
    /// The first character.
    pub start: LspPosition,
    /// Behind the last one.
    pub end: LspPosition,
}

/// Reference schema `LspLocation`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LspLocation {
    /// `file:///…`.
    pub uri: String,
    /// Where in it.
    pub range: LspRange,
}

/// Reference schema `LspSymbol`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LspSymbol {
    /// Its name.
    pub name: String,
    /// `SymbolKind` of the protocol: 5 is a class, 12 a function.
    pub kind: i64,
    /// Where it is defined.
    pub location: LspLocation,
}

/// Reference schema `CompletionList`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CompletionList {
    /// Whether typing on would give others.
    pub is_incomplete: bool,
    /// What could stand here.
    pub items: Vec<CompletionItem>,
}

/// Reference schema `CompletionItem`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CompletionItem {
    /// What is shown.
    pub label: String,
    /// `CompletionItemKind` of the protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<i64>,
    /// A type or signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// An object, `{"kind": "plaintext" | "markdown", "value": "…"}`: a plain text fails in strict clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub documentation: Option<Value>,
    /// What it is sorted by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort_text: Option<String>,
    /// What it is filtered by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_text: Option<String>,
    /// What is inserted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insert_text: Option<String>,
}
