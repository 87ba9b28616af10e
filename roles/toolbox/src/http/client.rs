//! Which client asks, for the few places where old ones need another answer.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;
use semver::{Prerelease, Version};

use super::websocket::Offered;

/// The client library behind a request, as its headers tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Client {
    source: Option<String>,
    release: Release,
    /// It asks for labelled logs although it tells no version.
    splits_output: bool,
}

/// How a client reads the logs of a session's commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogForm {
    /// One text without marks.
    Combined,
    /// One text, with a mark before each piece of output; the client takes it apart.
    Labelled,
    /// The labelled text, and both streams beside it.
    Split,
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
        let offered = Offered::of(headers);
        let version = text("x-daytona-sdk-version").or_else(|| offered.version());
        Self {
            source: text("x-daytona-source").map(str::to_owned),
            release: version.map_or(Release::Unknown, Release::parse),
            splits_output: text("x-daytona-split-output") == Some("true"),
        }
    }

    /// Whether the client refuses fields that it does not know. Every field that the reference added
    /// after the Go client 0.187 must be left out for it.
    pub(crate) fn refuses_new_fields(&self) -> bool {
        self.source.as_deref() == Some("sdk-go") && self.release.is_before(&Version::new(0, 188, 0))
    }

    /// Whether the client expects a session's shell to start in the home directory.
    pub(crate) fn starts_sessions_at_home(&self) -> bool {
        self.release.is_before(&Version::new(0, 103, 0))
    }

    /// How the client reads logs over HTTP, and what a session's `exec` prints.
    pub(crate) fn log_form(&self) -> LogForm {
        match &self.release {
            Release::Unknown if self.splits_output => LogForm::Labelled,
            Release::Unknown => LogForm::Combined,
            _ if self.wants_combined() => LogForm::Combined,
            _ if self.release.is_before(&first_of(0, 167, 0)) => LogForm::Labelled,
            _ => LogForm::Split,
        }
    }

    /// As [`Client::log_form`] over WebSockets: the Java client tells no version there and reads marks.
    pub(crate) fn socket_log_form(&self) -> LogForm {
        if self.wants_combined() { LogForm::Combined } else { LogForm::Labelled }
    }

    fn wants_combined(&self) -> bool {
        self.release.is_before(&Version::new(0, 27, 0))
    }
}

/// Before every pre-release of that version.
fn first_of(major: u64, minor: u64, patch: u64) -> Version {
    // "0" is the lowest identifier that there is.
    Version { pre: Prerelease::new("0").unwrap_or_default(), ..Version::new(major, minor, patch) }
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

    fn with(headers: &[(&'static str, &str)]) -> Client {
        let pairs = headers.iter().map(|&(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Client::of(&pairs.collect())
    }

    fn version(version: &str) -> Client {
        with(&[("x-daytona-sdk-version", version)])
    }

    fn refuses(source: &str, version: &str) -> bool {
        with(&[("x-daytona-source", source), ("x-daytona-sdk-version", version)]).refuses_new_fields()
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

    #[test]
    fn sessions_of_old_clients_start_at_home() {
        assert!(version("0.102.9").starts_sessions_at_home());
        assert!(!version("0.103.0").starts_sessions_at_home());
        assert!(!version("0.0.0-dev").starts_sessions_at_home());
        assert!(!with(&[]).starts_sessions_at_home());
    }

    #[test]
    fn logs_have_three_forms_by_version() {
        assert_eq!(version("0.26.9").log_form(), LogForm::Combined);
        assert_eq!(version("0.27.0").log_form(), LogForm::Labelled);
        assert_eq!(version("0.166.9").log_form(), LogForm::Labelled);
        for split in ["0.167.0", "0.167.0-0", "0.167.0a1", "0.226.1", "0.0.0-dev", "what"] {
            assert_eq!(version(split).log_form(), LogForm::Split, "{split}");
        }
    }

    #[test]
    fn without_a_version_logs_are_plain_over_http_and_labelled_over_sockets() {
        assert_eq!(with(&[]).log_form(), LogForm::Combined);
        assert_eq!(with(&[("x-daytona-split-output", "true")]).log_form(), LogForm::Labelled);
        assert_eq!(with(&[]).socket_log_form(), LogForm::Labelled);
        assert_eq!(version("0.25.0").socket_log_form(), LogForm::Combined);
        assert_eq!(version("0.226.1").socket_log_form(), LogForm::Labelled);
    }

    #[test]
    fn the_version_may_come_as_a_subprotocol_and_the_header_comes_first() {
        let token = ("sec-websocket-protocol", "a, X-Daytona-SDK-Version~0.25.0");
        assert_eq!(with(&[token]).socket_log_form(), LogForm::Combined);
        let both = with(&[token, ("x-daytona-sdk-version", "0.226.1")]);
        assert_eq!(both.socket_log_form(), LogForm::Labelled);
    }
}
