//! `GET`, `POST` and `DELETE /git/branches`. The last one has a body.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use paddock_wire_toolbox::{GitBranchRequest, GitOperation, GitPath};

use super::call::call;
use super::resolve;
use crate::http::{ApiError, Client, Json, Query};
use crate::toolbox::Shared;

pub(crate) async fn list_branches(
    State(shared): State<Arc<Shared>>,
    client: Client,
    query: Query,
) -> Result<Response, ApiError> {
    let mut path = query.required("path")?.to_owned();
    resolve(&shared, &mut path)?;
    call(&shared, StatusCode::OK, GitOperation::Branches(GitPath { path }), client.refuses_new_fields()).await
}

pub(crate) async fn create_branch(
    State(shared): State<Arc<Shared>>,
    Json(mut request): Json<GitBranchRequest>,
) -> Result<Response, ApiError> {
    resolve(&shared, &mut request.path)?;
    call(&shared, StatusCode::CREATED, GitOperation::CreateBranch(request), false).await
}

pub(crate) async fn delete_branch(
    State(shared): State<Arc<Shared>>,
    Json(mut request): Json<GitBranchRequest>,
) -> Result<Response, ApiError> {
    resolve(&shared, &mut request.path)?;
    call(&shared, StatusCode::NO_CONTENT, GitOperation::DeleteBranch(request), false).await
}
