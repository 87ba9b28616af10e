//! Cross-origin answers: any origin may call, browsers' SDKs depend on it (`spec/control-plane.md` E.4).

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

/// With this header the proxy adds nothing and the application's own headers count.
pub(crate) const DISABLE: &str = "x-daytona-disable-cors";

/// What a request's origin is to be told. `None` inside: nothing.
pub(crate) struct Cors(Option<HeaderValue>);

impl Cors {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let disabled =
            headers.get(DISABLE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
        Self(headers.get(header::ORIGIN).filter(|_| !disabled).cloned())
    }

    /// The answer to a browser's question before the request, if this is one.
    pub(crate) fn preflight(&self, request: &Request) -> Option<Response> {
        let headers = request.headers();
        if request.method() != Method::OPTIONS || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        {
            return None;
        }
        self.0.as_ref()?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let answer = response.headers_mut();
        self.apply(answer);
        answer.insert(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, HEAD, PUT, PATCH, POST, DELETE, OPTIONS"),
        );
        if let Some(wanted) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        answer.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        Some(response)
    }

    /// Replaces what an application said about origins.
    pub(crate) fn apply(&self, headers: &mut HeaderMap) {
        let Some(origin) = &self.0 else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
}
