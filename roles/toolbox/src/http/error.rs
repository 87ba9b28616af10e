//! The one error that handlers give back.

use std::io;
use std::path::Path;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use paddock_wire_toolbox::{DAEMON_SOURCE, ErrorBody, ErrorCode};

use crate::clock;
use crate::words::plain;

/// A failure as clients are told it. `http::finish` turns it into the response's body, because
/// only there are the request's path and method known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    code: ErrorCode,
    /// Without the prefix of its code.
    message: String,
    status: StatusCode,
}

impl ApiError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { code, message: message.into(), status }
    }

    /// The same with another HTTP status than its code's.
    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The request asks for something that is never right. 400.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadRequest, message)
    }

    /// No such thing. 404. A missing file is [`ErrorCode::FileNotFound`] instead.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotFound, message)
    }

    /// Something is there already. 409.
    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Conflict, message)
    }

    /// A command's limit of time. 408. The message has to contain the word `timeout`.
    pub(crate) fn timeout(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ProcessExecutionTimeout, message)
    }

    /// Not the caller's fault. 500.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InternalServerError, message)
    }

    /// A server inside the sandbox does not answer as it should. 502.
    pub(crate) fn bad_gateway(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadGateway, message)
    }

    /// What the system said about a path: missing is 404, denied is 403, anything else 400.
    pub(crate) fn file(path: &Path, error: &io::Error) -> Self {
        Self::file_or(ErrorCode::BadRequest, path, error)
    }

    /// As [`ApiError::file`], with another code for anything else.
    pub(crate) fn file_or(otherwise: ErrorCode, path: &Path, error: &io::Error) -> Self {
        let path = path.display();
        match error.kind() {
            io::ErrorKind::NotFound => {
                Self::new(ErrorCode::FileNotFound, format!("file not found: {path}: {}", plain(error)))
            }
            // Also EPERM, which says "operation not permitted": people look for these words.
            io::ErrorKind::PermissionDenied => {
                Self::new(ErrorCode::FileAccessDenied, format!("permission denied: {path}"))
            }
            _ => Self::new(otherwise, format!("{path}: {}", plain(error))),
        }
    }

    /// The text that users see.
    pub(crate) fn message(&self) -> String {
        format!("{}{}", self.code.message_prefix(), self.message)
    }

    /// The wire's body for a failure at `path`, which is the request's or a file's.
    pub(crate) fn body(&self, path: &str, method: &str) -> ErrorBody {
        ErrorBody {
            status_code: self.status.as_u16(),
            message: self.message(),
            code: Some(self.code),
            source: Some(DAEMON_SOURCE.to_owned()),
            timestamp: clock::now(),
            path: path.to_owned(),
            method: Some(method.to_owned()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
