//! `GET /tunnel/{port}` with `Upgrade: tcp`: after 101 the connection is one to the port.

use axum::body::Body;
use axum::extract::{Path, Request};
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use hyper_util::rt::TokioIo;
use paddock_wire_toolbox::TUNNEL_PROTOCOL;

use super::connect::{connect, parse_port, unreachable};
use crate::http::ApiError;

pub(crate) async fn tunnel(Path(port): Path<String>, mut request: Request) -> Result<Response, ApiError> {
    let port = parse_port(&port)?;
    let wanted = request.headers().get(header::UPGRADE);
    if !wanted.is_some_and(|wanted| wanted.as_bytes().eq_ignore_ascii_case(TUNNEL_PROTOCOL.as_bytes())) {
        return Err(ApiError::bad_request(format!("Upgrade: {TUNNEL_PROTOCOL} is required")));
    }
    let mut there = connect(port).await.map_err(|error| unreachable(port, &error))?;
    let switched = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(here) = switched.await else { return };
        // Either side's end is the other's; an error is the end of both.
        let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(here), &mut there).await;
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static(TUNNEL_PROTOCOL));
    Ok(response)
}
