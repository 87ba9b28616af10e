//! What an address means. The part that goes on is never decoded: it arrives byte for byte.

use axum::extract::Request;
use http::header;

use crate::error::ProxyError;

/// The toolbox's port as clients know it. It exists in addresses only.
const TOOLBOX_PORT: &str = "2280";

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// The proxy itself.
    Health,
    /// A sandbox's toolbox.
    Toolbox(Target),
}

/// A sandbox and what is asked of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Its id or name, as written.
    pub(crate) sandbox: String,
    /// Path and query for the toolbox, as written, less our own key in the query.
    pub(crate) path_and_query: String,
    /// What stood before it in the address; goes before absolute redirects.
    pub(crate) prefix: String,
}

/// Reads the address of a request.
pub(crate) fn of(request: &Request) -> Result<Route, ProxyError> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    parse(host, request.uri().path(), request.uri().query())
}

fn parse(host: &str, path: &str, query: Option<&str>) -> Result<Route, ProxyError> {
    let label = host.split(['.', ':']).next().unwrap_or_default();
    if let Some((TOOLBOX_PORT, sandbox)) = label.split_once('-')
        && host.contains('.')
    {
        return Ok(Route::Toolbox(target(sandbox, path, query, "")));
    }
    if path == "/health" {
        return Ok(Route::Health);
    }
    let rest = path.strip_prefix("/toolbox/").ok_or(ProxyError::NoRoute)?;
    // Bases are joined with and without their slashes.
    let rest = rest.trim_start_matches('/');
    let (sandbox, inner) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if sandbox.is_empty() {
        return Err(ProxyError::NoRoute);
    }
    Ok(Route::Toolbox(target(sandbox, inner, query, &format!("/toolbox/{sandbox}"))))
}

fn target(sandbox: &str, path: &str, query: Option<&str>, prefix: &str) -> Target {
    let path = if path.is_empty() { "/" } else { path };
    let kept: Vec<&str> =
        query.into_iter().flat_map(|query| query.split('&')).filter(|pair| !is_our_key(pair)).collect();
    let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    Target { sandbox: decode(sandbox), path_and_query: format!("{path}{query}"), prefix: prefix.to_owned() }
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
            Ok(Route::Toolbox(target)) => target,
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
