//! `ANY /proxy/{port}/{path}`: one request to an HTTP server inside the sandbox, WebSockets included.

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use hyper::client::conn::http1;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::connect::{connect, parse_port, unreachable};
use crate::http::ApiError;

/// Headers that concern one connection only (RFC 9110, 7.6.1), and do not go on.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

pub(crate) async fn forward(mut request: Request) -> Result<Response, ApiError> {
    let port = parse_port(request.uri().path().split('/').nth(2).unwrap_or_default())?;
    *request.uri_mut() = address(request.uri())?;
    let upgrade = upgrade_of(request.headers());
    let client_side = upgrade.is_some().then(|| hyper::upgrade::on(&mut request));
    strip(request.headers_mut());
    put_upgrade(request.headers_mut(), upgrade);
    if !request.headers().contains_key(header::HOST) {
        let host = HeaderValue::from_str(&format!("localhost:{port}"));
        request.headers_mut().extend(host.ok().map(|host| (header::HOST, host)));
    }

    let stream = connect(port).await.map_err(|error| unreachable(port, &error))?;
    let broken = |error: hyper::Error| ApiError::bad_gateway(format!("port {port} speaks no HTTP: {error}"));
    let (mut sender, connection) = http1::handshake::<_, Body>(TokioIo::new(stream)).await.map_err(broken)?;
    tokio::spawn(connection.with_upgrades());
    let mut response = sender.send_request(request).await.map_err(broken)?;
    let switched = (response.status() == StatusCode::SWITCHING_PROTOCOLS)
        .then(|| response.headers().get(header::UPGRADE).cloned())
        .flatten();
    if let (Some(_), Some(client_side)) = (&switched, client_side) {
        tokio::spawn(join(client_side, hyper::upgrade::on(&mut response)));
    }
    strip(response.headers_mut());
    put_upgrade(response.headers_mut(), switched);
    Ok(response.map(Body::new).into_response())
}

/// What follows `/proxy/{port}`, byte for byte.
fn address(uri: &Uri) -> Result<Uri, ApiError> {
    let rest = uri.path().splitn(4, '/').nth(3).unwrap_or_default();
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let address = format!("/{rest}{query}").parse();
    address.map_err(|_| ApiError::bad_request("the path cannot be passed on"))
}

async fn join(client: OnUpgrade, server: OnUpgrade) {
    let Ok((client, server)) = tokio::try_join!(client, server) else { return };
    let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(server)).await;
}

/// The protocol that a request wants to switch to.
fn upgrade_of(headers: &HeaderMap) -> Option<HeaderValue> {
    let tokens = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let wanted =
        tokens.flat_map(|value| value.split(',')).any(|token| token.trim().eq_ignore_ascii_case("upgrade"));
    headers.get(header::UPGRADE).filter(|_| wanted).cloned()
}

fn put_upgrade(headers: &mut HeaderMap, protocol: Option<HeaderValue>) {
    if let Some(protocol) = protocol {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, protocol);
    }
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_port_goes_on_as_it_is() {
        for (asked, expected) in [
            ("/proxy/3000/a%2Fb/?q=%20&r", "/a%2Fb/?q=%20&r"),
            ("/proxy/3000/", "/"),
            ("/proxy/3000", "/"),
            ("/proxy/3000//x", "//x"),
        ] {
            assert_eq!(address(&asked.parse().unwrap()).unwrap().to_string(), expected, "{asked}");
        }
    }
}
