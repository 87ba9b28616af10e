//! What an address means. The part that goes on is never decoded: it arrives byte for byte.

use axum::extract::Request;
use http::header;

use crate::error::ProxyError;

/// The toolbox's port as clients know it. It exists in addresses only.
const TOOLBOX_PORT: u16 = 2280;
/// The web terminal's port as clients know it: a part of the toolbox under a path of its own.
pub(crate) const TERMINAL_PORT: u16 = 22222;
pub(crate) const TERMINAL_PATH: &str = "/terminal";
/// What an address on the API's own port begins with, for SDKs older than about 0.110.
const LEGACY_PREFIX: &str = "/api/toolbox/";

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// The proxy itself.
    Health,
    /// Into a sandbox.
    Sandbox(Target),
}

/// A sandbox and what is asked of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Its id or name, as written.
    pub(crate) sandbox: String,
    /// Who in it is asked.
    pub(crate) service: Service,
    /// Path and query, as written, less our own key in the query.
    pub(crate) path_and_query: String,
    /// What stood before it in the address; goes before absolute redirects.
    pub(crate) prefix: String,
}

/// Who in a sandbox is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// The toolbox, the web terminal included. Always private.
    Toolbox,
    /// A user's own server on a TCP port.
    Port(u16),
}

/// Reads the address of a request to the proxy's own port.
pub(crate) fn of(request: &Request) -> Result<Route, ProxyError> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    parse(host, request.uri().path(), request.uri().query())
}

/// Reads the address of a request to the API's port: `/api/toolbox/{sandbox}/toolbox/…`.
pub(crate) fn legacy(request: &Request) -> Result<Target, ProxyError> {
    let (path, query) = (request.uri().path(), request.uri().query());
    let rest = path.strip_prefix(LEGACY_PREFIX).ok_or(ProxyError::NoRoute)?;
    let (sandbox, inner) = first_segment(rest)?;
    let inner = inner.strip_prefix("/toolbox").ok_or(ProxyError::NoRoute)?;
    if !inner.is_empty() && !inner.starts_with('/') {
        return Err(ProxyError::NoRoute);
    }
    let prefix = format!("{LEGACY_PREFIX}{sandbox}/toolbox");
    Ok(target(sandbox, Service::Toolbox, inner, query, &prefix))
}

fn parse(host: &str, path: &str, query: Option<&str>) -> Result<Route, ProxyError> {
    let label = host.split(['.', ':']).next().unwrap_or_default();
    if host.contains('.')
        && let Some((port, sandbox)) = label.split_once('-')
        && port.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Ok(Route::Sandbox(at_port(sandbox, port, path, query, "")?));
    }
    if path == "/health" {
        return Ok(Route::Health);
    }
    // A preview without a host name of its own, for servers that are reached by an IP address.
    if let Some(rest) = path.strip_prefix("/preview/") {
        let (sandbox, rest) = first_segment(rest)?;
        let (port, inner) = first_segment(rest.strip_prefix('/').ok_or(ProxyError::NoRoute)?)?;
        let prefix = format!("/preview/{sandbox}/{port}");
        return Ok(Route::Sandbox(at_port(sandbox, port, inner, query, &prefix)?));
    }
    let rest = path.strip_prefix("/toolbox/").ok_or(ProxyError::NoRoute)?;
    // Bases are joined with and without their slashes.
    let (sandbox, inner) = first_segment(rest.trim_start_matches('/'))?;
    Ok(Route::Sandbox(target(sandbox, Service::Toolbox, inner, query, &format!("/toolbox/{sandbox}"))))
}

/// What is asked of a port, the virtual ones included. A port that is not spelled plainly is no address at
/// all: whatever it might mean, it was not checked as that.
fn at_port(
    sandbox: &str,
    port: &str,
    path: &str,
    query: Option<&str>,
    prefix: &str,
) -> Result<Target, ProxyError> {
    let port = paddock_types::parse_port(port).ok_or(ProxyError::NoRoute)?;
    if sandbox.is_empty() {
        return Err(ProxyError::NoRoute);
    }
    Ok(match port {
        TOOLBOX_PORT => target(sandbox, Service::Toolbox, path, query, prefix),
        TERMINAL_PORT => target(sandbox, Service::Toolbox, &format!("{TERMINAL_PATH}{path}"), query, prefix),
        port => target(sandbox, Service::Port(port), path, query, prefix),
    })
}

/// Splits a path without its first slash at the next one.
fn first_segment(rest: &str) -> Result<(&str, &str), ProxyError> {
    let (first, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if first.is_empty() { Err(ProxyError::NoRoute) } else { Ok((first, rest)) }
}

fn target(sandbox: &str, service: Service, path: &str, query: Option<&str>, prefix: &str) -> Target {
    let path = if path.is_empty() { "/" } else { path };
    let kept: Vec<&str> =
        query.into_iter().flat_map(|query| query.split('&')).filter(|pair| !is_our_key(pair)).collect();
    let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    Target {
        sandbox: decode(sandbox),
        service,
        path_and_query: format!("{path}{query}"),
        prefix: prefix.to_owned(),
    }
}

/// The query key that carries a token.
pub(crate) const QUERY_KEY: &str = "DAYTONA_SANDBOX_AUTH_KEY";

fn is_our_key(pair: &str) -> bool {
    pair.split('=').next() == Some(QUERY_KEY)
}

/// Undoes percent-encoding. What is no valid escape stays as it is; what is no UTF-8 becomes U+FFFD, which is
/// nobody's name.
pub(crate) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escape = (byte == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(value) => {
                decoded.push(value);
                at += 3;
            }
            None => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toolbox(host: &str, path: &str, query: Option<&str>) -> Target {
        match parse(host, path, query) {
            Ok(Route::Sandbox(target)) => target,
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn what_goes_on_is_not_decoded() {
        let target = toolbox("h:4000", "/toolbox/abc/files/a%2Fb%20c", Some("path=%2Ftmp%2Fx&y"));
        assert_eq!(target.sandbox, "abc");
        assert_eq!(target.path_and_query, "/files/a%2Fb%20c?path=%2Ftmp%2Fx&y");
        assert_eq!(target.prefix, "/toolbox/abc");
    }

    #[test]
    fn our_key_does_not_go_on() {
        let query = Some("a=1&DAYTONA_SANDBOX_AUTH_KEY=secret&b=2");
        assert_eq!(toolbox("h", "/toolbox/abc/x", query).path_and_query, "/x?a=1&b=2");
        assert_eq!(toolbox("h", "/toolbox/abc/x", Some("DAYTONA_SANDBOX_AUTH_KEY=s")).path_and_query, "/x");
    }

    #[test]
    fn the_toolbox_answers_at_the_root_of_its_own_host_name() {
        let target = toolbox("2280-8d3a2c7e-51b0.proxy.localhost:4000", "/process/execute", None);
        assert_eq!((target.sandbox.as_str(), target.prefix.as_str()), ("8d3a2c7e-51b0", ""));
    }

    #[test]
    fn a_port_is_named_by_the_host_or_by_the_path() {
        let by_host = toolbox("3000-8d3a2c7e-51b0.proxy.localhost:4000", "/a%2Fb", Some("q"));
        assert_eq!((by_host.service, by_host.sandbox.as_str()), (Service::Port(3000), "8d3a2c7e-51b0"));
        assert_eq!((by_host.path_and_query.as_str(), by_host.prefix.as_str()), ("/a%2Fb?q", ""));
        let by_path = toolbox("10.0.0.1:4000", "/preview/8d3a2c7e-51b0/3000/a", None);
        assert_eq!((by_path.service, by_path.sandbox.as_str()), (Service::Port(3000), "8d3a2c7e-51b0"));
        assert_eq!(
            (by_path.path_and_query.as_str(), by_path.prefix.as_str()),
            ("/a", "/preview/8d3a2c7e-51b0/3000")
        );
        let bare = toolbox("h", "/preview/abc/3000", None);
        assert_eq!(bare.path_and_query, "/");
    }

    #[test]
    fn the_web_terminal_is_a_part_of_the_toolbox() {
        let page = toolbox("22222-abc.h", "/", None);
        assert_eq!((page.service, page.path_and_query.as_str()), (Service::Toolbox, "/terminal/"));
        assert_eq!(toolbox("h", "/preview/abc/22222/ws", None).path_and_query, "/terminal/ws");
    }

    #[test]
    fn a_port_that_is_not_spelled_plainly_is_no_address() {
        for label in ["02280-abc", "0-abc", "65536-abc", "2280-", "99999999999-abc"] {
            assert!(matches!(parse(&format!("{label}.h"), "/", None), Err(ProxyError::NoRoute)), "{label}");
        }
        for path in [
            "/preview/abc/+2280/",
            "/preview/abc/%32280/",
            "/preview/abc/02280",
            "/preview/abc/",
            "/preview//80/",
        ] {
            assert!(matches!(parse("h", path, None), Err(ProxyError::NoRoute)), "{path}");
        }
    }

    #[test]
    fn old_sdks_go_through_the_api() {
        let legacy = |path: &str| {
            let request = Request::builder().uri(path).body(axum::body::Body::empty()).unwrap();
            legacy(&request)
        };
        let target = legacy("/api/toolbox/abc/toolbox/files?path=%2Ftmp").unwrap();
        assert_eq!((target.sandbox.as_str(), target.path_and_query.as_str()), ("abc", "/files?path=%2Ftmp"));
        assert_eq!(target.prefix, "/api/toolbox/abc/toolbox");
        for path in [
            "/api/toolbox/abc",
            "/api/toolbox/abc/files",
            "/api/toolbox//toolbox/files",
            "/api/toolbox/abc/toolboxes",
        ] {
            assert!(legacy(path).is_err(), "{path}");
        }
    }

    #[test]
    fn other_addresses_are_refused() {
        assert!(matches!(parse("h", "/health", None), Ok(Route::Health)));
        for path in ["/", "/toolbox", "/toolbox/", "/api/sandbox"] {
            assert!(matches!(parse("h", path, None), Err(ProxyError::NoRoute)), "{path}");
        }
    }

    #[test]
    fn broken_escapes_stay_as_they_are() {
        assert_eq!(decode("a%20b%zz%2"), "a b%zz%2");
        assert_eq!(decode("%é"), "%é");
    }
}
