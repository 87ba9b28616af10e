//! Control's internal API.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use paddock_types::SandboxId;
use paddock_wire_control::internal::{Activity, AskUsage, Authorize, Authorized, Usage};
use serde::Serialize;
use tower::ServiceExt;

/// Answers of the internal API are small.
const ANSWER_LIMIT: usize = 64 << 10;

/// Why a sandbox may not be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizeError {
    /// The credential is none.
    #[error("invalid credentials")]
    Unauthenticated,
    /// The credential is valid, and there is no such sandbox for it.
    #[error("no such sandbox")]
    NotFound,
    /// Control did not answer as agreed.
    #[error("control answered {0}")]
    Unavailable(String),
}

/// A client of control's internal API. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Control {
    router: Router,
}

impl Control {
    /// Control in this process: its internal router.
    pub fn in_process(router: Router) -> Self {
        Self { router }
    }

    /// Whether a credential may use a sandbox.
    pub async fn authorize(&self, request: &Authorize) -> Result<Authorized, AuthorizeError> {
        let (status, body) = self.post("/internal/v1/authorize", request).await?;
        match status {
            StatusCode::OK => serde_json::from_slice(&body).map_err(unavailable),
            StatusCode::UNAUTHORIZED => Err(AuthorizeError::Unauthenticated),
            StatusCode::NOT_FOUND => Err(AuthorizeError::NotFound),
            other => Err(unavailable(other)),
        }
    }

    /// What a running sandbox uses.
    pub async fn usage(&self, sandbox_id: SandboxId) -> Result<Usage, AuthorizeError> {
        let (status, body) = self.post("/internal/v1/usage", &AskUsage { sandbox_id }).await?;
        match status {
            StatusCode::OK => serde_json::from_slice(&body).map_err(unavailable),
            StatusCode::NOT_FOUND => Err(AuthorizeError::NotFound),
            other => Err(unavailable(other)),
        }
    }

    /// Says that sandboxes were used just now. Loss does no harm: the next use says it again.
    pub async fn record_activity(&self, sandbox_ids: Vec<SandboxId>) -> Result<(), AuthorizeError> {
        let (status, _) = self.post("/internal/v1/activity", &Activity { sandbox_ids }).await?;
        if status.is_success() { Ok(()) } else { Err(unavailable(status)) }
    }

    async fn post(
        &self,
        path: &'static str,
        body: &impl Serialize,
    ) -> Result<(StatusCode, axum::body::Bytes), AuthorizeError> {
        let body = serde_json::to_vec(body).map_err(unavailable)?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body))
            .map_err(unavailable)?;
        let Ok(response) = self.router.clone().oneshot(request).await;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_LIMIT).collect().await.map_err(unavailable)?;
        Ok((status, body.to_bytes()))
    }
}

fn unavailable(what: impl std::fmt::Display) -> AuthorizeError {
    AuthorizeError::Unavailable(what.to_string())
}
