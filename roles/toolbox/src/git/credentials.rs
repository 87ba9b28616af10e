//! `POST /git/credentials`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use paddock_wire_toolbox::{GitAuthenticateRequest, GitOperation};

use super::call::call;
use crate::http::{ApiError, Json};
use crate::toolbox::Shared;

pub(crate) async fn store_credentials(
    State(shared): State<Arc<Shared>>,
    Json(request): Json<GitAuthenticateRequest>,
) -> Result<Response, ApiError> {
    call(&shared, StatusCode::OK, GitOperation::StoreCredentials(request), false).await
}
