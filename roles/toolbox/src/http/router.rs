//! The table of contents: every operation and its handler.
//!
//! There are no redirects for trailing slashes, since WebSocket clients and the TypeScript upload
//! do not follow any. A known path with an unknown method is 404, as an unknown path is.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::routing::{get, post};

use super::{ApiError, finish};
use crate::toolbox::Shared;
use crate::{files, info, process};

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        // info
        .route("/version", get(info::version))
        .route("/work-dir", get(info::work_dir))
        .route("/user-home-dir", get(info::user_home_dir))
        .route("/project-dir", get(info::project_dir))
        // process
        .route("/process/execute", post(process::execute::execute))
        .route("/process/code-run", post(process::code_run::code_run))
        // files
        .route("/files", get(files::list).delete(files::delete))
        .route("/files/", get(files::list))
        .route("/files/info", get(files::info))
        .route("/files/folder", post(files::folder))
        .route("/files/move", post(files::move_entry))
        .route("/files/permissions", post(files::permissions))
        .route("/files/upload", post(files::upload_legacy))
        .route("/files/upload-v2", post(files::upload))
        .route("/files/bulk-upload", post(files::bulk_upload))
        // GET answers HEAD too.
        .route("/files/download", get(files::download))
        .route("/files/bulk-download", post(files::bulk_download))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        // Files of any size; what is held in memory has a limit of its own in `json`.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn(finish::finish))
        .with_state(shared)
}

async fn unknown(method: http::Method, uri: http::Uri) -> ApiError {
    ApiError::not_found(format!("no operation {method} {}", uri.path()))
}
