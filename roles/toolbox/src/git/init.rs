//! `POST /git/init`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use paddock_wire_toolbox::{GitInitRequest, GitOperation};

use super::call::call;
use super::resolve;
use crate::http::{ApiError, Json};
use crate::toolbox::Shared;

pub(crate) async fn init(
    State(shared): State<Arc<Shared>>,
    Json(mut request): Json<GitInitRequest>,
) -> Result<Response, ApiError> {
    resolve(&shared, &mut request.path)?;
    call(&shared, StatusCode::CREATED, GitOperation::Init(request), false).await
}
