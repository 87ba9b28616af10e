//! The page of the web terminal (`spec/toolbox.md` H.2). Its shell and its socket are the toolbox's; the page is the
//! same for every sandbox and lies here, so that no sandbox has to carry it.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Method, StatusCode, header};

use crate::route::{Service, TERMINAL_PATH, TERMINAL_PORT, Target};

/// xterm.js 6.0.0 and its fit add-on 0.11.0, both under the MIT licence, as they are published.
const FILES: [(&str, &str, &[u8]); 6] = [
    ("/", "text/html; charset=utf-8", include_bytes!("../assets/terminal/index.html")),
    ("/page.css", "text/css; charset=utf-8", include_bytes!("../assets/terminal/page.css")),
    ("/page.js", "text/javascript; charset=utf-8", include_bytes!("../assets/terminal/page.js")),
    ("/xterm.css", "text/css; charset=utf-8", include_bytes!("../assets/terminal/xterm.css")),
    ("/xterm.js", "text/javascript; charset=utf-8", include_bytes!("../assets/terminal/xterm.js")),
    ("/addon-fit.js", "text/javascript; charset=utf-8", include_bytes!("../assets/terminal/addon-fit.js")),
];

/// Only its own files and its own socket; xterm.js makes style elements of its own.
const POLICY: &str =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The answer, if the request is for the page or a file of it.
pub(crate) fn page(target: &Target, method: &Method) -> Option<Response> {
    if target.service != Service::Toolbox || (method != Method::GET && method != Method::HEAD) {
        return None;
    }
    let path = target.path_and_query.split('?').next().unwrap_or_default().strip_prefix(TERMINAL_PATH)?;
    if path.is_empty() {
        return Some(with_slash(target));
    }
    let (_, kind, content) = FILES.iter().find(|(name, ..)| *name == path)?;
    let body = if method == Method::HEAD { Body::empty() } else { Body::from(*content) };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(content.len()));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=600"));
    Some(response)
}

/// The page's files are named relative to it, so its address ends with a slash.
fn with_slash(target: &Target) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    let is_ports_own = target.prefix.ends_with(&format!("/{TERMINAL_PORT}"));
    let path = if is_ports_own { "" } else { TERMINAL_PATH };
    if let Ok(location) = HeaderValue::from_str(&format!("{}{path}/", target.prefix)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &str) -> Target {
        Target {
            sandbox: "abc".to_owned(),
            service: Service::Toolbox,
            path_and_query: path.to_owned(),
            prefix: "/preview/abc/22222".to_owned(),
        }
    }

    #[test]
    fn the_page_and_its_files_are_here_and_its_socket_is_not() {
        let found = page(&target("/terminal/"), &Method::GET).unwrap();
        assert_eq!(found.headers()["content-type"], "text/html; charset=utf-8");
        let html = std::str::from_utf8(FILES[0].2).unwrap();
        for (name, ..) in &FILES[1..] {
            assert!(html.contains(&format!("\"{}\"", &name[1..])), "{name}");
            assert!(page(&target(&format!("/terminal{name}")), &Method::GET).is_some(), "{name}");
        }
        for path in ["/terminal/ws", "/terminal/none", "/terminals", "/files"] {
            assert!(page(&target(path), &Method::GET).is_none(), "{path}");
        }
        assert!(page(&target("/terminal/"), &Method::POST).is_none());
        let elsewhere = Target { service: Service::Port(80), ..target("/terminal/") };
        assert!(page(&elsewhere, &Method::GET).is_none());
    }

    #[test]
    fn an_address_without_its_slash_gets_one() {
        let moved = page(&target("/terminal"), &Method::GET).unwrap();
        assert_eq!(moved.status(), 307);
        assert_eq!(moved.headers()["location"], "/preview/abc/22222/");
        let of_toolbox = Target { prefix: "/toolbox/abc".to_owned(), ..target("/terminal") };
        assert_eq!(page(&of_toolbox, &Method::GET).unwrap().headers()["location"], "/toolbox/abc/terminal/");
    }
}
