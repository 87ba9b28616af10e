//! `POST /git/clone`.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use paddock_wire_toolbox::{GitCloneRequest, GitOperation};

use super::call::call;
use super::resolve;
use crate::http::{ApiError, Json, blocking};
use crate::toolbox::Shared;

/// Goes on if the client hangs up. If it fails, or its helper dies, nothing is left of it.
pub(crate) async fn clone(
    State(shared): State<Arc<Shared>>,
    Json(mut request): Json<GitCloneRequest>,
) -> Result<Response, ApiError> {
    resolve(&shared, &mut request.path)?;
    if request.url.trim().is_empty() {
        return Err(ApiError::bad_request("url is required"));
    }
    // A path, as everywhere, begins in the work directory.
    let is_relative = ["./", "../"].iter().any(|start| request.url.starts_with(start));
    if is_relative || matches!(request.url.as_str(), "." | "..") {
        let mut url = std::mem::take(&mut request.url);
        resolve(&shared, &mut url)?;
        request.url = url;
    }
    // The target must be emptied also when nobody waits any more.
    let cloning = tokio::spawn(async move {
        let targets = shared.git.targets.clone();
        let path = PathBuf::from(&request.path);
        let target = blocking(move || targets.claim(&path)).await?;
        let outcome = call(&shared, StatusCode::OK, GitOperation::Clone(request), false).await;
        if outcome.is_err() {
            blocking(move || {
                target.empty();
                Ok(())
            })
            .await?;
        }
        outcome
    });
    cloning.await.unwrap_or_else(|_| Err(ApiError::internal("a defect in the toolbox, see its log")))
}
