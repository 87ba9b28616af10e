//! The one place where an error becomes an answer.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use paddock_wire_control::{ErrorBody, ErrorSource, WireTime};

use crate::app::Error;
use crate::app::error::chain;
use crate::clock;

/// An answer that is an error and has no body yet: the body names the path, which only the outermost
/// layer still knows.
#[derive(Clone)]
struct Unwritten(Error);

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = status_of(&self).into_response();
        response.extensions_mut().insert(Unwritten(self));
        response
    }
}

/// Writes the body of an answer that has none yet; others are left as they are.
pub(super) fn write_body(mut response: Response, path: &str) -> Response {
    let Some(Unwritten(error)) = response.extensions_mut().remove() else { return response };
    let status = status_of(&error);
    log(&error, path);
    let body = ErrorBody {
        status_code: status.as_u16(),
        error: status.canonical_reason().unwrap_or("Error").to_owned(),
        message: message_of(&error),
        path: path.to_owned(),
        timestamp: WireTime(clock::now()),
        code: None,
        source: ErrorSource::Api,
    };
    (status, Json(body)).into_response()
}

fn status_of(error: &Error) -> StatusCode {
    match error {
        Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::Conflict(_) => StatusCode::CONFLICT,
        Error::Invalid(_) => StatusCode::BAD_REQUEST,
        Error::Unsupported(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Error::Forbidden(_) => StatusCode::FORBIDDEN,
        Error::Unauthenticated => StatusCode::UNAUTHORIZED,
        Error::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Error::Slow => StatusCode::REQUEST_TIMEOUT,
        Error::Full(_) | Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// What the user reads. Causes stay in the log.
fn message_of(error: &Error) -> String {
    match error {
        Error::NotFound(text)
        | Error::Conflict(text)
        | Error::Invalid(text)
        | Error::Unsupported(text)
        | Error::Full(text)
        | Error::Forbidden(text) => text.clone(),
        Error::Unauthenticated => "invalid credentials".to_owned(),
        Error::TooLarge => "the request body is too large".to_owned(),
        Error::Slow => "the request body did not arrive in time".to_owned(),
        Error::Unavailable(_) => "the service is temporarily unavailable, try again".to_owned(),
        Error::Internal(_) => "internal server error".to_owned(),
    }
}

fn log(error: &Error, path: &str) {
    match error {
        Error::Unavailable(cause) => {
            tracing::warn!(path, error = chain(&**cause), "a request met something unavailable")
        }
        Error::Internal(cause) => tracing::error!(path, error = chain(&**cause), "a request failed"),
        Error::NotFound(_)
        | Error::Conflict(_)
        | Error::Invalid(_)
        | Error::Unsupported(_)
        | Error::Full(_)
        | Error::Forbidden(_)
        | Error::Unauthenticated
        | Error::TooLarge
        | Error::Slow => {}
    }
}
