//! `GET` and `POST /git/config`, and `POST /git/config/user`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use paddock_wire_toolbox::{GitConfigureUserRequest, GitGetConfigRequest, GitOperation, GitSetConfigRequest};

use super::call::call;
use super::resolve;
use crate::http::{ApiError, Json, Query};
use crate::toolbox::Shared;

pub(crate) async fn get_config(
    State(shared): State<Arc<Shared>>,
    query: Query,
) -> Result<Response, ApiError> {
    let mut request = GitGetConfigRequest {
        key: query.required("key")?.to_owned(),
        scope: query.optional("scope").map(str::to_owned),
        path: query.optional("path").map(str::to_owned),
    };
    resolve_optional(&shared, &mut request.path)?;
    call(&shared, StatusCode::OK, GitOperation::GetConfig(request), false).await
}

pub(crate) async fn set_config(
    State(shared): State<Arc<Shared>>,
    Json(mut request): Json<GitSetConfigRequest>,
) -> Result<Response, ApiError> {
    resolve_optional(&shared, &mut request.path)?;
    call(&shared, StatusCode::OK, GitOperation::SetConfig(request), false).await
}

pub(crate) async fn configure_user(
    State(shared): State<Arc<Shared>>,
    Json(mut request): Json<GitConfigureUserRequest>,
) -> Result<Response, ApiError> {
    resolve_optional(&shared, &mut request.path)?;
    call(&shared, StatusCode::OK, GitOperation::ConfigureUser(request), false).await
}

/// An empty path is none.
fn resolve_optional(shared: &Shared, path: &mut Option<String>) -> Result<(), ApiError> {
    match path.take().filter(|path| !path.is_empty()) {
        None => Ok(()),
        Some(mut given) => {
            resolve(shared, &mut given)?;
            *path = Some(given);
            Ok(())
        }
    }
}
