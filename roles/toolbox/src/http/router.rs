//! The table of contents: every operation and its handler.
//!
//! There are no redirects for trailing slashes, since WebSocket clients and the TypeScript upload
//! do not follow any. A known path with an unknown method is 404, as an unknown path is.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;

use super::routes::Routes;
use super::{ApiError, finish};
use crate::toolbox::Shared;
use crate::web_terminal::web_terminal;
use crate::{build, env, files, git, info, interpreter, lsp, port, process, pty, session, system};

pub(super) fn router(shared: Arc<Shared>) -> Router {
    table()
        .into_router()
        // For control alone, and no part of the API.
        .route("/internal/build/step", axum::routing::post(build::step))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        // Files of any size; what is held in memory has a limit of its own in `json`.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn(finish::finish))
        .with_state(shared)
}

pub(super) fn table() -> Routes {
    Routes::default()
        // info
        .get("/version", info::version)
        .get("/work-dir", info::work_dir)
        .get("/user-home-dir", info::user_home_dir)
        .get("/project-dir", info::project_dir)
        // environment
        .post("/env", env::change)
        // process
        .post("/process/execute", process::execute::execute)
        .post("/process/code-run", process::code_run::code_run)
        // interpreter
        .get("/process/interpreter/context", interpreter::list)
        .post("/process/interpreter/context", interpreter::create)
        .delete("/process/interpreter/context/{id}", interpreter::delete)
        .get("/process/interpreter/execute", interpreter::execute)
        // session
        .get("/process/session", session::list)
        .post("/process/session", session::create)
        .get("/process/session/entrypoint", session::entrypoint)
        .delete("/process/session/entrypoint", session::delete_entrypoint)
        .get("/process/session/entrypoint/logs", session::entrypoint_logs)
        .get("/process/session/{sessionId}", session::get)
        .delete("/process/session/{sessionId}", session::delete)
        .post("/process/session/{sessionId}/exec", session::exec)
        .get("/process/session/{sessionId}/command/{commandId}", session::command)
        .post("/process/session/{sessionId}/command/{commandId}/input", session::input)
        .get("/process/session/{sessionId}/command/{commandId}/logs", session::logs)
        // terminals
        .get("/process/pty", pty::list)
        .post("/process/pty", pty::create)
        .get("/process/pty/create-connect", pty::create_connect)
        .get("/process/pty/{sessionId}", pty::get)
        .delete("/process/pty/{sessionId}", pty::delete)
        .post("/process/pty/{sessionId}/resize", pty::resize)
        .get("/process/pty/{sessionId}/connect", pty::connect)
        // files
        .get("/files", files::list)
        .delete("/files", files::delete)
        .get("/files/", files::list)
        .get("/files/info", files::info)
        .post("/files/folder", files::folder)
        .post("/files/move", files::move_entry)
        .post("/files/permissions", files::permissions)
        .get("/files/find", files::find)
        .get("/files/search", files::search)
        .post("/files/replace", files::replace)
        .post("/files/upload", files::upload_legacy)
        .post("/files/upload-v2", files::upload)
        .post("/files/bulk-upload", files::bulk_upload)
        // GET answers HEAD too.
        .get("/files/download", files::download)
        .post("/files/bulk-download", files::bulk_download)
        // language servers
        .post("/lsp/start", lsp::start)
        .post("/lsp/stop", lsp::stop)
        .post("/lsp/did-open", lsp::did_open)
        .post("/lsp/did-close", lsp::did_close)
        .post("/lsp/completions", lsp::completions)
        .get("/lsp/document-symbols", lsp::document_symbols)
        .get("/lsp/workspacesymbols", lsp::workspace_symbols)
        // The same under its old spelling.
        .get("/lsp/workspace-symbols", lsp::workspace_symbols)
        // web terminal; its page is the proxy's
        .get("/terminal/ws", web_terminal)
        // ports
        .get("/port", port::list)
        .get("/port/{port}/in-use", port::in_use)
        .get("/tunnel/{port}", port::tunnel)
        .any("/proxy/{port}", port::forward)
        .any("/proxy/{port}/", port::forward)
        .any("/proxy/{port}/{*path}", port::forward)
        // system
        .get("/system/metrics", system::metrics)
        // git
        .post("/git/add", git::add)
        .get("/git/branches", git::list_branches)
        .post("/git/branches", git::create_branch)
        .delete("/git/branches", git::delete_branch)
        .post("/git/checkout", git::checkout)
        .post("/git/clone", git::clone)
        .post("/git/commit", git::commit)
        .get("/git/config", git::get_config)
        .post("/git/config", git::set_config)
        .post("/git/config/user", git::configure_user)
        .post("/git/credentials", git::store_credentials)
        .get("/git/history", git::history)
        .post("/git/init", git::init)
        .post("/git/pull", git::pull)
        .post("/git/push", git::push)
        .get("/git/remotes", git::list_remotes)
        .post("/git/remotes", git::add_remote)
        .post("/git/reset", git::reset)
        .post("/git/restore", git::restore)
        .get("/git/status", git::status)
}

async fn unknown(method: http::Method, uri: http::Uri) -> ApiError {
    ApiError::not_found(format!("no operation {method} {}", uri.path()))
}
