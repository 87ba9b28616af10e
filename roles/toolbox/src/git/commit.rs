//! `POST /git/commit`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use paddock_wire_toolbox::{GitCommitRequest, GitOperation};

use super::call::call;
use super::resolve;
use crate::http::{ApiError, Json};
use crate::toolbox::Shared;

pub(crate) async fn commit(
    State(shared): State<Arc<Shared>>,
    Json(mut request): Json<GitCommitRequest>,
) -> Result<Response, ApiError> {
    resolve(&shared, &mut request.path)?;
    call(&shared, StatusCode::OK, GitOperation::Commit(request), false).await
}
