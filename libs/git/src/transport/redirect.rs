//! Redirects, which git follows for the first request only: they move the whole repository.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use ureq::Body;
use ureq::http::Response;

use crate::failure::Failure;
use crate::url::{Parts, hide_passwords};

/// How many are followed; as git's.
pub(super) const LIMIT: usize = 20;

/// What an HTTP client refuses to send in a URL. `%` is not in it: URLs come encoded.
const UNSENDABLE: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The URL with what cannot be sent encoded.
pub(super) fn encoded(url: &str) -> String {
    utf8_percent_encode(url, UNSENDABLE).to_string()
}

/// Where the repository is that a redirect of its `info/refs` leads to.
pub(super) fn base(from: &str, service: &str, answer: &Response<Body>) -> Result<String, Failure> {
    let location = answer.headers().get("location").and_then(|value| value.to_str().ok());
    location.and_then(|location| resolve(from, service, location)).ok_or_else(|| {
        Failure::transport(format!(
            "{from}: redirected to {:?}, which is no place of a repository",
            location.map(hide_passwords).unwrap_or_default()
        ))
    })
}

fn resolve(from: &str, service: &str, location: &str) -> Option<String> {
    let from = Parts::of(from)?;
    let absolute = if location.contains("://") {
        location.to_owned()
    } else if let Some(rest) = location.strip_prefix("//") {
        format!("{}://{rest}", from.scheme)
    } else if location.starts_with('/') {
        format!("{}://{}{location}", from.scheme, from.authority)
    } else {
        format!("{}://{}{}/info/{location}", from.scheme, from.authority, from.path)
    };
    let base = absolute.strip_suffix(&format!("/info/refs?service={service}"))?;
    let parts = Parts::of(base)?;
    let is_http = ["http", "https"].iter().any(|scheme| parts.scheme.eq_ignore_ascii_case(scheme));
    (is_http && !parts.authority.is_empty()).then(|| base.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_moves_the_repository() {
        let to = |location: &str| resolve("http://a/r", "git-upload-pack", location);
        let rest = "info/refs?service=git-upload-pack";
        assert_eq!(to(&format!("https://b:1/x.git/{rest}")).as_deref(), Some("https://b:1/x.git"));
        assert_eq!(to(&format!("/x/{rest}")).as_deref(), Some("http://a/x"));
        assert_eq!(to(&format!("//b/x/{rest}")).as_deref(), Some("http://b/x"));
        assert_eq!(to("refs?service=git-upload-pack").as_deref(), Some("http://a/r"));
        assert_eq!(to("https://b/login"), None);
        assert_eq!(to(&format!("file:///x/{rest}")), None);
        assert_eq!(to(&format!("https:///x/{rest}")), None);
    }
}
