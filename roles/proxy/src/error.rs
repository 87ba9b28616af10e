//! What a caller is told when a request does not reach a sandbox (`spec/control-plane.md` A.5, the proxy's
//! sibling shape; decision 16).

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use paddock_types::{SandboxId, SandboxState};
use serde::Serialize;

/// Why a request does not reach a sandbox.
#[derive(Debug)]
pub(crate) enum ProxyError {
    /// The address means nothing here.
    NoRoute,
    /// A signed address that names no file.
    NoPath,
    /// Nothing valid was presented.
    Unauthenticated,
    /// The caller is somebody, and has no such sandbox.
    NotFound { sandbox: String },
    /// It is there and does not run.
    NotStarted { id: SandboxId, state: SandboxState },
    /// It should run and does not answer.
    Unreachable,
    /// It runs, and nothing in it listens on this port.
    PortClosed { port: u16 },
    /// It has as many requests open as it may.
    Busy,
    /// A part of the server is away.
    Unavailable,
}

/// The body.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    status_code: u16,
    message: String,
    error: &'static str,
    code: &'static str,
    source: &'static str,
    timestamp: String,
    path: &'a str,
    method: &'a str,
}

/// What was asked, for the body.
#[derive(Debug)]
pub(crate) struct Asked {
    path: String,
    method: String,
}

impl Asked {
    pub(crate) fn of(request: &Request) -> Self {
        Self { path: request.uri().path().to_owned(), method: request.method().to_string() }
    }
}

impl ProxyError {
    fn parts(&self) -> (StatusCode, &'static str, String) {
        match self {
            Self::NoRoute => (StatusCode::NOT_FOUND, "NOT_FOUND", "not found: no such route".to_owned()),
            Self::NoPath => {
                (StatusCode::BAD_REQUEST, "BAD_REQUEST", "bad request: path is required".to_owned())
            }
            Self::Unauthenticated => (
                StatusCode::UNAUTHORIZED,
                "UNAUTHORIZED",
                "unauthorized: invalid or missing credentials".to_owned(),
            ),
            Self::NotFound { sandbox } => (
                StatusCode::NOT_FOUND,
                "NOT_FOUND",
                format!("not found: no sandbox {sandbox:?} in this organization"),
            ),
            Self::NotStarted { id, state } => (
                StatusCode::BAD_REQUEST,
                "BAD_REQUEST",
                format!("bad request: sandbox {id} is not started, its state is {state}"),
            ),
            Self::Unreachable => {
                (StatusCode::BAD_GATEWAY, "BAD_GATEWAY", "the sandbox does not answer".to_owned())
            }
            Self::PortClosed { port } => (
                StatusCode::BAD_GATEWAY,
                "BAD_GATEWAY",
                format!("nothing in the sandbox listens on port {port}"),
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "SERVICE_UNAVAILABLE",
                "too many requests are open to this sandbox".to_owned(),
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "SERVICE_UNAVAILABLE",
                "the server cannot look up the sandbox now".to_owned(),
            ),
        }
    }

    pub(crate) fn into_response(self, asked: &Asked) -> Response {
        let (status, code, message) = self.parts();
        let body = Body {
            status_code: status.as_u16(),
            message,
            error: status.canonical_reason().unwrap_or_default(),
            code,
            source: "DAYTONA_PROXY",
            timestamp: format!("{:.3}", jiff::Timestamp::now()),
            path: &asked.path,
            method: &asked.method,
        };
        (status, Json(body)).into_response()
    }
}
