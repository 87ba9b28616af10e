//! The `http.*` settings that hold for a URL.
//!
//! `http.<url>.<name>` counts where the URL begins with it, and the longest wins; `http.<name>` counts
//! everywhere. Of the environment, what git reads of it.

use std::path::PathBuf;

use super::http::environment_says;
use crate::settings::Settings;
use crate::url::Parts;

/// What they say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HttpConfig {
    /// Whether certificates are looked at.
    pub(super) verify: bool,
    /// A bundle of authorities that takes the image's place.
    pub(super) ca_file: Option<PathBuf>,
    /// A proxy; empty means none.
    pub(super) proxy: Option<String>,
    /// Names and values, in order.
    pub(super) extra_headers: Vec<(String, String)>,
}

impl HttpConfig {
    pub(super) fn of(settings: &Settings, url: &str) -> Self {
        let settings = ForUrl::of(settings, url);
        let from_environment =
            |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        Self {
            verify: !environment_says("GIT_SSL_NO_VERIFY") && settings.last("sslverify").is_none_or(is_set),
            ca_file: from_environment("GIT_SSL_CAINFO")
                .or_else(|| settings.last("sslcainfo").filter(|file| !file.is_empty()).map(PathBuf::from)),
            proxy: settings.last("proxy").map(str::to_owned),
            extra_headers: settings.headers(),
        }
    }
}

/// Whether git would read a text as yes.
pub(super) fn is_set(text: &str) -> bool {
    !matches!(text.to_ascii_lowercase().as_str(), "" | "false" | "no" | "off" | "0")
}

/// Names and values that hold for a URL, least specific first.
struct ForUrl(Vec<(String, String)>);

impl ForUrl {
    fn of(settings: &Settings, url: &str) -> Self {
        let mut found = Vec::new();
        for (name, value) in settings.iter() {
            let Some(rest) = name.strip_prefix("http.") else { continue };
            let (scope, name) = rest.rsplit_once('.').unwrap_or(("", rest));
            if scope.is_empty() || covers(scope, url) {
                found.push((scope.len(), name.to_owned(), value.to_owned()));
            }
        }
        found.sort_by_key(|(length, ..)| *length);
        Self(found.into_iter().map(|(_, name, value)| (name, value)).collect())
    }

    fn last(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All extra headers; an empty one forgets those before it.
    fn headers(&self) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        for (_, header) in self.0.iter().filter(|(name, _)| name == "extraheader") {
            match header.split_once(':') {
                None => headers.clear(),
                Some((name, value)) => headers.push((name.trim().to_owned(), value.trim().to_owned())),
            }
        }
        headers
    }
}

/// Whether `url` is `scope` or lies below it.
fn covers(scope: &str, url: &str) -> bool {
    let (Some(scope), Some(url)) = (Parts::of(scope), Parts::of(url)) else { return false };
    let path = scope.path.trim_end_matches('/');
    scope.scheme.eq_ignore_ascii_case(url.scheme)
        && scope.authority.eq_ignore_ascii_case(url.authority)
        && (scope.username.is_none() || scope.username == url.username)
        && url.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_setting_wins() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config");
        std::fs::write(
            &file,
            "[http \"https://h/a\"]\n sslVerify = no\n extraHeader = X: 2\n\
             [http]\n sslVerify = yes\n extraHeader = X: 1\n proxy = http://p:1\n sslCAInfo = /ca\n",
        )
        .unwrap();
        let config = Settings::of(&git2::Config::open(&file).unwrap());
        let here = HttpConfig::of(&config, "https://h/a/repo");
        assert!(!here.verify);
        assert_eq!(here.extra_headers, [("X".into(), "1".into()), ("X".into(), "2".into())]);
        assert_eq!(ForUrl::of(&config, "https://h/a/repo").last("sslcainfo"), Some("/ca"));
        let there = HttpConfig::of(&config, "https://h/ab");
        assert!(there.verify);
        assert_eq!(there.extra_headers.len(), 1);
        assert_eq!(there.proxy.as_deref(), Some("http://p:1"));
    }
}
