//! Reading what nobody wants.

use axum::body::Body;
use http_body_util::BodyExt;

/// Reads a request's body to its end and drops it. A client that is still sending when the answer
/// comes may see its connection reset instead of the answer.
pub(crate) async fn drain(mut body: Body) {
    while let Some(Ok(_)) = body.frame().await {}
}
