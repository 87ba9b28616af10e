//! `GET` and `POST /git/remotes`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use paddock_wire_toolbox::{GitAddRemoteRequest, GitOperation, GitPath};

use super::call::call;
use super::resolve;
use crate::http::{ApiError, Json, Query};
use crate::toolbox::Shared;

pub(crate) async fn list_remotes(
    State(shared): State<Arc<Shared>>,
    query: Query,
) -> Result<Response, ApiError> {
    let mut path = query.required("path")?.to_owned();
    resolve(&shared, &mut path)?;
    call(&shared, StatusCode::OK, GitOperation::Remotes(GitPath { path }), false).await
}

pub(crate) async fn add_remote(
    State(shared): State<Arc<Shared>>,
    Json(mut request): Json<GitAddRemoteRequest>,
) -> Result<Response, ApiError> {
    resolve(&shared, &mut request.path)?;
    call(&shared, StatusCode::CREATED, GitOperation::AddRemote(request), false).await
}
