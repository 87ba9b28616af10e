//! `POST /git/push`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use paddock_wire_toolbox::{GitOperation, GitPushRequest};

use super::call::call;
use super::resolve;
use crate::http::{ApiError, Json};
use crate::toolbox::Shared;

pub(crate) async fn push(
    State(shared): State<Arc<Shared>>,
    Json(mut request): Json<GitPushRequest>,
) -> Result<Response, ApiError> {
    resolve(&shared, &mut request.path)?;
    call(&shared, StatusCode::OK, GitOperation::Push(request), false).await
}
