//! Passes a request on and its answer back.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::uri::{Parts, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use http_body::{Frame, SizeHint};
use hyper_util::rt::TokioIo;
use paddock_types::SandboxId;

use crate::activity::{self, Watch};
use crate::error::ProxyError;
use crate::route::{Service, Target};
use crate::upstream::{Turn, Upstream};
use crate::{Caller, authority, cors, credential, upstream};

/// Headers that concern one connection only (RFC 9110, 7.6.1), and do not go on.
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Headers to us: credentials and wishes about the proxy itself.
const OURS: [HeaderName; 4] = [
    HeaderName::from_static(credential::TOKEN_HEADER),
    HeaderName::from_static("x-daytona-skip-preview-warning"),
    HeaderName::from_static(cors::DISABLE),
    HeaderName::from_static(activity::SKIP),
];

/// Passes `request` on to the toolbox or a port of `id`, with an `Authorization` header that is for us or not. `watch` lives until the answer is
/// over.
pub(crate) async fn forward(
    upstream: &Upstream,
    id: SandboxId,
    target: &Target,
    is_our_key: bool,
    mut request: Request,
    watch: Watch,
) -> Result<Response, ProxyError> {
    let turn = upstream.enter(id, target.service).ok_or(ProxyError::Busy)?;
    let upgrade = upgrade_of(request.headers());
    let client_side = upgrade.is_some().then(|| hyper::upgrade::on(&mut request));
    add_forwarded(&mut request);
    strip(request.headers_mut());
    for ours in &OURS {
        request.headers_mut().remove(ours);
    }
    // To a user's own server another Authorization header may be the server's own; one of our keys never is.
    if target.service == Service::Toolbox || is_our_key {
        request.headers_mut().remove(header::AUTHORIZATION);
    }
    credential::remove_cookies(request.headers_mut());
    if let Some(upgrade) = &upgrade {
        request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        request.headers_mut().insert(header::UPGRADE, upgrade.clone());
    }
    *request.uri_mut() = address(id, target)?;

    let mut response = upstream.client.request(request).await.map_err(|error| {
        tracing::debug!(%error, sandbox.id = %id, service = ?target.service, "a sandbox did not answer");
        match target.service {
            Service::Port(port) if upstream::is_closed_port(&error) => ProxyError::PortClosed { port },
            Service::Toolbox | Service::Port(_) => ProxyError::Unreachable,
        }
    })?;
    let held = Held { _watch: watch, _turn: turn };
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let Some(client_side) = client_side else { return Err(ProxyError::Unreachable) };
        let switched = response.headers().get(header::UPGRADE).cloned();
        let sandbox_side = hyper::upgrade::on(&mut response);
        tokio::spawn(join(client_side, sandbox_side, held));
        let (mut parts, _) = response.into_parts();
        strip(&mut parts.headers);
        parts.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        if let Some(switched) = switched {
            parts.headers.insert(header::UPGRADE, switched);
        }
        return Ok(Response::from_parts(parts, Body::empty()));
    }
    let (mut parts, body) = response.into_parts();
    strip(&mut parts.headers);
    keep_redirects_here(&mut parts.headers, &target.prefix);
    Ok(Response::from_parts(parts, Body::new(Accounted { body, _held: held })))
}

/// What lives as long as an exchange.
#[derive(Debug)]
struct Held {
    _watch: Watch,
    _turn: Turn,
}

/// Copies between the two sides of a switched connection until both are done.
async fn join(client: hyper::upgrade::OnUpgrade, sandbox: hyper::upgrade::OnUpgrade, held: Held) {
    let (client, sandbox) = match tokio::try_join!(client, sandbox) {
        Ok(sides) => sides,
        Err(error) => return tracing::debug!(%error, "a connection was not switched"),
    };
    let (mut client, mut sandbox) = (TokioIo::new(client), TokioIo::new(sandbox));
    if let Err(error) = tokio::io::copy_bidirectional(&mut client, &mut sandbox).await {
        tracing::debug!(%error, "a switched connection broke");
    }
    drop(held);
}

fn address(id: SandboxId, target: &Target) -> Result<Uri, ProxyError> {
    let mut parts = Parts::default();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = authority(id, target.service).parse().ok();
    parts.path_and_query = target.path_and_query.parse().ok();
    Uri::from_parts(parts).map_err(|_| ProxyError::NoRoute)
}

/// The protocol that the caller wants to switch to.
fn upgrade_of(headers: &HeaderMap) -> Option<HeaderValue> {
    let wanted = headers.get_all(header::CONNECTION).iter().any(|value| {
        value
            .to_str()
            .is_ok_and(|text| text.split(',').any(|token| token.trim().eq_ignore_ascii_case("upgrade")))
    });
    headers.get(header::UPGRADE).filter(|_| wanted).cloned()
}

/// Removes what concerns one connection only, also what `Connection` names.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
    headers.remove("keep-alive");
}

fn add_forwarded(request: &mut Request) {
    let caller = request.extensions().get::<Caller>().map(|caller| caller.0.ip().to_string());
    let host = request.headers().get(header::HOST).cloned();
    let headers = request.headers_mut();
    if let Some(host) = host {
        headers.insert("x-forwarded-host", host);
    }
    if !headers.contains_key("x-forwarded-proto") {
        headers.insert("x-forwarded-proto", HeaderValue::from_static("http"));
    }
    if let Some(caller) = caller.and_then(|caller| HeaderValue::from_str(&caller).ok()) {
        headers.append("x-forwarded-for", caller);
    }
}

/// A redirect to an absolute path of the toolbox's leads back through this proxy.
fn keep_redirects_here(headers: &mut HeaderMap, prefix: &str) {
    let Some(location) = headers.get(header::LOCATION).and_then(|value| value.to_str().ok()) else { return };
    if location.starts_with('/')
        && !location.starts_with("//")
        && let Ok(moved) = HeaderValue::from_str(&format!("{prefix}{location}"))
    {
        headers.insert(header::LOCATION, moved);
    }
}

/// A response's body that keeps its exchange counted as long as it flows.
struct Accounted<B> {
    body: B,
    _held: Held,
}

impl<B> http_body::Body for Accounted<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_one_connection_do_not_go_on() {
        let mut headers = HeaderMap::new();
        headers.insert("connection", HeaderValue::from_static("close, x-secret"));
        headers.insert("x-secret", HeaderValue::from_static("1"));
        headers.insert("keep-alive", HeaderValue::from_static("timeout=5"));
        headers.insert("x-kept", HeaderValue::from_static("1"));
        strip(&mut headers);
        assert_eq!(headers.len(), 1);
        assert!(headers.contains_key("x-kept"));
    }

    #[test]
    fn only_redirects_to_the_toolbox_itself_are_kept_here() {
        let moved = |location: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::LOCATION, HeaderValue::from_static(location));
            keep_redirects_here(&mut headers, "/toolbox/abc");
            headers[header::LOCATION].to_str().unwrap().to_owned()
        };
        assert_eq!(moved("/files/"), "/toolbox/abc/files/");
        assert_eq!(moved("https://example.com/"), "https://example.com/");
        assert_eq!(moved("//example.com/"), "//example.com/");
    }

    #[test]
    fn an_upgrade_needs_both_headers() {
        let mut headers = HeaderMap::new();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        assert!(upgrade_of(&headers).is_none());
        headers.insert(header::CONNECTION, HeaderValue::from_static("keep-alive, Upgrade"));
        assert!(upgrade_of(&headers).is_some());
    }
}
