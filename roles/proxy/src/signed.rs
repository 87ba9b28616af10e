//! Addresses of files that carry their own authority (`spec/toolbox.md` 1.2). Here they are only read: control
//! has the keys.

use form_urlencoded::parse;
use http::Method;
use paddock_wire_control::internal::{FileOperation, SignedFile};

use crate::error::ProxyError;
use crate::route::{Service, Target};

/// Takes the signature out of a request's address. `None`: it has none that counts, and other credentials decide.
///
/// Of a name that comes twice the first counts, here as in the toolbox: both must mean the same file.
pub(crate) fn take(target: &mut Target, method: &Method) -> Result<Option<SignedFile>, ProxyError> {
    let Some((path, query)) = target.path_and_query.split_once('?') else { return Ok(None) };
    let operation = match (path, method) {
        ("/files/download", &Method::GET | &Method::HEAD) => FileOperation::Download,
        ("/files/upload-v2", &Method::POST) => FileOperation::Upload,
        _ => return Ok(None),
    };
    if target.service != Service::Toolbox {
        return Ok(None);
    }
    let value = |wanted: &str| {
        let found = parse(query.as_bytes()).find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.into_owned())
    };
    let Some(signature) = value("signature") else { return Ok(None) };
    let file = value("path").filter(|path| !path.is_empty()).ok_or(ProxyError::NoPath)?;
    let expires = value("expires").unwrap_or_default();
    let is_ours = |pair: &&str| {
        parse(pair.as_bytes()).next().is_some_and(|(name, _)| name == "signature" || name == "expires")
    };
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_ours(pair)).collect();
    target.path_and_query = format!("{path}?{}", kept.join("&"));
    Ok(Some(SignedFile { operation, path: file, expires, signature }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path_and_query: &str) -> Target {
        Target {
            sandbox: "abc".to_owned(),
            service: Service::Toolbox,
            path_and_query: path_and_query.to_owned(),
            prefix: String::new(),
        }
    }

    #[test]
    fn the_signature_is_taken_and_the_rest_goes_on() {
        let mut asked = target("/files/download?path=%2Fa+b%2Bc&signature=v1_x&expires=12&more=%2F");
        let file = take(&mut asked, &Method::HEAD).unwrap().unwrap();
        assert_eq!(
            (file.path.as_str(), file.expires.as_str(), file.signature.as_str()),
            ("/a b+c", "12", "v1_x")
        );
        assert_eq!(file.operation, FileOperation::Download);
        assert_eq!(asked.path_and_query, "/files/download?path=%2Fa+b%2Bc&more=%2F");
    }

    #[test]
    fn a_name_that_comes_twice_means_what_it_means_inside() {
        let mut asked = target("/files/download?p%61th=/first&path=/second&%73ignature=s&expires=0");
        let file = take(&mut asked, &Method::GET).unwrap().unwrap();
        assert_eq!(file.path, "/first");
        assert_eq!(asked.path_and_query, "/files/download?p%61th=/first&path=/second");
    }

    #[test]
    fn it_counts_for_two_operations_only() {
        for (method, path) in [
            (Method::POST, "/files/download?path=a&signature=s"),
            (Method::GET, "/files/upload-v2?path=a&signature=s"),
            (Method::GET, "/files/info?path=a&signature=s"),
            (Method::GET, "/files//download?path=a&signature=s"),
            (Method::GET, "/files/downloa%64?path=a&signature=s"),
            (Method::GET, "/files/download?path=a&expires=0"),
            (Method::GET, "/files/download"),
        ] {
            assert_eq!(take(&mut target(path), &method).unwrap(), None, "{method} {path}");
        }
        let mut elsewhere =
            Target { service: Service::Port(80), ..target("/files/download?path=a&signature=s") };
        assert_eq!(take(&mut elsewhere, &Method::GET).unwrap(), None);
    }

    #[test]
    fn a_signature_for_no_file_is_a_bad_request() {
        for query in ["signature=s", "signature=s&path=", "path=&path=a&signature=s"] {
            let refused = take(&mut target(&format!("/files/download?{query}")), &Method::GET);
            assert!(matches!(refused, Err(ProxyError::NoPath)), "{query}");
        }
    }
}
