//! The outermost layer: failures and panics become the wire's error body.

use std::panic::AssertUnwindSafe;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::HeaderValue;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};

use super::ApiError;

/// Runs the rest. Gives back its response, or an error body in place of its [`ApiError`] or panic.
pub(super) async fn finish(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    // What a handler leaves half done when it panics is its own: what handlers share is behind locks
    // that are never held across their code.
    let outcome = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = outcome
        .unwrap_or_else(|_| ApiError::internal("a defect in the toolbox, see its log").into_response());
    let Some(error) = response.extensions_mut().remove::<ApiError>() else { return response };
    let body = serde_json::to_vec(&error.body(&path, method.as_str())).unwrap_or_default();
    response.headers_mut().remove(CONTENT_LENGTH);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    *response.body_mut() = body.into();
    response
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::middleware::from_fn;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_internal_error_with_the_body() {
        async fn broken() -> &'static str {
            panic!("on purpose")
        }
        let router = Router::new().route("/broken", get(broken)).layer(from_fn(finish));
        let request = Request::builder().uri("/broken?x=1").body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["statusCode"], 500);
        assert_eq!(body["code"], "INTERNAL_SERVER_ERROR");
        assert_eq!(body["source"], "DAYTONA_DAEMON");
        assert_eq!(body["path"], "/broken");
        assert_eq!(body["method"], "GET");
        assert!(!body["message"].as_str().unwrap().contains("on purpose"));
    }
}
