//! Language servers.

use crate::openapi::operation::{Kind, Operation, get, post};
use crate::{CompletionList, LspCompletionParams, LspDocumentRequest, LspServerRequest, LspSymbol};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        post("Start", "/lsp/start", "Starts the server of a language for a project.")
            .takes::<LspServerRequest>()
            .gives_nothing(200, "It runs.")
            .refuses(&[400, 500]),
        post("Stop", "/lsp/stop", "Ends it.")
            .takes::<LspServerRequest>()
            .gives_nothing(200, "It has ended.")
            .refuses(&[400, 500]),
        post("DidOpen", "/lsp/did-open", "Tells it that a document is open.")
            .takes::<LspDocumentRequest>()
            .gives_nothing(200, "It has been told.")
            .refuses(&[400, 403, 404, 500]),
        post("DidClose", "/lsp/did-close", "Tells it that a document is closed.")
            .takes::<LspDocumentRequest>()
            .gives_nothing(200, "It has been told.")
            .refuses(&[400, 500]),
        post("Completions", "/lsp/completions", "What could stand at a place of a document.")
            .takes::<LspCompletionParams>()
            .gives::<CompletionList>(200, "As the server orders it.")
            .refuses(&[400, 500]),
        project(get("DocumentSymbols", "/lsp/document-symbols", "The symbols of a document."))
            .needs("uri", Kind::Text, "`file://` and a path.")
            .gives_list::<LspSymbol>(200, "As the server orders them.")
            .refuses(&[400, 500]),
        symbols("WorkspaceSymbols", "/lsp/workspacesymbols"),
        symbols("WorkspaceSymbolsOldSpelling", "/lsp/workspace-symbols").deprecated(),
    ]
}

fn project(operation: Operation) -> Operation {
    operation.needs("languageId", Kind::Text, "As in the start of the server.").needs(
        "pathToProject",
        Kind::Text,
        "As in the start of the server.",
    )
}

fn symbols(id: &'static str, path: &'static str) -> Operation {
    project(get(id, path, "The symbols of a project whose names match."))
        .needs("query", Kind::Text, "A name, or a part of one.")
        .gives_list::<LspSymbol>(200, "As the server orders them.")
        .refuses(&[400, 500])
}
