//! Which client asks, for the few places where old ones need another answer.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;
use semver::Version;

/// The client library behind a request, as its headers tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Client {
    source: Option<String>,
    release: Release,
}

/// The client's version.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Release {
    /// None was sent.
    Unknown,
    /// A development build, or a text that is no version: taken for the newest.
    Newest,
    /// A release or pre-release.
    Numbered(Version),
}

impl Client {
    fn of(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        Self {
            source: text("x-daytona-source").map(str::to_owned),
            release: text("x-daytona-sdk-version").map_or(Release::Unknown, Release::parse),
        }
    }

    /// Whether the client refuses fields that it does not know. Every field that the reference added
    /// after the Go client 0.187 must be left out for it.
    pub(crate) fn refuses_new_fields(&self) -> bool {
        self.source.as_deref() == Some("sdk-go") && self.release.is_before(&Version::new(0, 188, 0))
    }
}

impl Release {
    fn parse(text: &str) -> Self {
        if text.contains("dev") {
            return Self::Newest;
        }
        let text = text.strip_prefix('v').unwrap_or(text);
        Version::parse(text)
            .or_else(|_| Version::parse(&with_dash(text)))
            .map_or(Self::Newest, Self::Numbered)
    }

    /// False for the newest, and where no version is known.
    fn is_before(&self, other: &Version) -> bool {
        matches!(self, Self::Numbered(version) if version < other)
    }
}

/// Python's `1.2.3rc4` in semantic versioning: `1.2.3-rc4`.
fn with_dash(text: &str) -> String {
    match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => format!("{}-{}", &text[..at], &text[at..]),
        None => text.to_owned(),
    }
}

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuses(source: &str, version: &str) -> bool {
        let client = Client { source: Some(source.to_owned()), release: Release::parse(version) };
        client.refuses_new_fields()
    }

    #[test]
    fn only_old_go_clients_refuse_new_fields() {
        assert!(refuses("sdk-go", "0.187.3"));
        assert!(refuses("sdk-go", "v0.25.0"));
        assert!(!refuses("sdk-go", "0.188.0"));
        assert!(!refuses("sdk-go", "0.0.0-dev"));
        assert!(!refuses("sdk-go", "what"));
        assert!(!refuses("sdk-python", "0.25.0"));
    }

    #[test]
    fn python_spells_its_prereleases_without_a_dash() {
        assert_eq!(Release::parse("0.167.0a1"), Release::parse("0.167.0-a1"));
        assert!(Release::parse("0.188.0rc1").is_before(&Version::new(0, 188, 0)));
    }
}
