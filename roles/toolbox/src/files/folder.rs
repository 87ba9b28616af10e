//! `POST /files/folder?path&mode`: a directory and its parents.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;

use super::octal::parse_mode;
use super::tree::make_directories;
use crate::http::{ApiError, Query, blocking};
use crate::toolbox::Shared;

/// 201, also if the directory is there already; its mode is then left alone.
pub(crate) async fn folder(State(shared): State<Arc<Shared>>, query: Query) -> Result<StatusCode, ApiError> {
    let path = shared.resolve(query.required("path")?);
    let mode = query.optional("mode").map_or(Ok(0o755), parse_mode)?;
    blocking(move || {
        make_directories(&path, mode).map_err(|error| ApiError::file(&path, &error))?;
        Ok(StatusCode::CREATED)
    })
    .await
}
