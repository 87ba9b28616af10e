//! What happens around every handler: errors get their body, panics become errors, browsers of any
//! origin may call.

use std::any::Any;

use axum::extract::Request;
use axum::http::{HeaderName, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::cors::{AllowHeaders, Any as AnyOrigin, CorsLayer};
use tracing::Instrument;

use super::error::write_body;
use crate::app::Error;

/// One span per request, and a body for errors.
pub(super) async fn around(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let source = header(&request, &HeaderName::from_static("x-daytona-source")).to_owned();
    let span = tracing::debug_span!("request", method = %request.method(), path, source);
    let response = next.run(request).instrument(span).await;
    write_body(response, &path)
}

/// Turns a panic into an error. The panic itself was printed by its hook.
pub(super) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    Error::Internal(std::sync::Arc::new(Panicked)).into_response()
}

#[derive(Debug, thiserror::Error)]
#[error("the handler panicked")]
struct Panicked;

/// What no route knows. A known path with an unknown method is the same to a caller.
pub(super) async fn unknown(request: Request) -> Error {
    Error::NotFound(format!("cannot {} {}", request.method(), request.uri().path()))
}

/// Any origin, no credentials: an API key is in a header that only a script with the key can set.
pub(super) fn cors() -> CorsLayer {
    let methods = [
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::PATCH,
        Method::POST,
        Method::DELETE,
        Method::OPTIONS,
    ];
    CorsLayer::new()
        .allow_origin(AnyOrigin)
        .allow_methods(methods)
        .allow_headers(AllowHeaders::mirror_request())
}

fn header<'r>(request: &'r Request, name: &HeaderName) -> &'r str {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
