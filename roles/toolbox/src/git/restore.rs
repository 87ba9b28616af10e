//! `POST /git/restore`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use paddock_wire_toolbox::{GitOperation, GitRestoreRequest};

use super::call::call;
use super::resolve;
use crate::http::{ApiError, Json};
use crate::toolbox::Shared;

pub(crate) async fn restore(
    State(shared): State<Arc<Shared>>,
    Json(mut request): Json<GitRestoreRequest>,
) -> Result<Response, ApiError> {
    resolve(&shared, &mut request.path)?;
    call(&shared, StatusCode::OK, GitOperation::Restore(request), false).await
}
