//! URLs as git takes them: which kind, and whose secrets are in them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// All but the characters that need no encoding anywhere in a URL.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// How a URL is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Also `https`.
    Http,
    /// `git://`.
    Git,
    /// `ssh://`, or `user@host:path`.
    Ssh,
    /// `file://`, or a path.
    Local,
    /// Some other scheme.
    Other,
}

/// The kind of a URL as it stands in a repository's configuration.
pub(crate) fn kind(url: &str) -> Kind {
    if let Some((scheme, _)) = url.split_once("://") {
        return match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" => Kind::Http,
            "git" => Kind::Git,
            "ssh" | "git+ssh" | "ssh+git" => Kind::Ssh,
            "file" => Kind::Local,
            _ => Kind::Other,
        };
    }
    if is_scp_like(url) { Kind::Ssh } else { Kind::Local }
}

/// `[user@]host:path`: a colon before the first slash.
fn is_scp_like(url: &str) -> bool {
    url.split_once(':').is_some_and(|(host, _)| !host.is_empty() && !host.contains('/'))
}

/// The URL that a clone request means: `https://` goes before what has no scheme, is no path, and is
/// not for ssh. `host:8443/path` is a host with a port.
pub(crate) fn of_request(url: &str) -> String {
    let is_path = ["/", "./", "../"].iter().any(|start| url.starts_with(start)) || matches!(url, "." | "..");
    if url.contains("://") || is_path {
        return url.to_owned();
    }
    if let Some((host, rest)) = url.split_once(':') {
        let port = rest.split('/').next().unwrap_or_default();
        let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        if !host.contains('/') && (host.contains('@') || !is_port) {
            return url.to_owned();
        }
    }
    format!("https://{url}")
}

/// A URL with a scheme and a host, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts<'a> {
    pub(crate) scheme: &'a str,
    /// Decoded.
    pub(crate) username: Option<String>,
    /// Decoded.
    pub(crate) password: Option<String>,
    /// Host and port.
    pub(crate) authority: &'a str,
    /// From the first slash on; may be empty.
    pub(crate) path: &'a str,
}

impl<'a> Parts<'a> {
    pub(crate) fn of(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        let (user, authority) =
            authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        let (username, password) = match user.map(|user| user.split_once(':').ok_or(user)) {
            None => (None, None),
            Some(Ok((username, password))) => (Some(decode(username)), Some(decode(password))),
            Some(Err(username)) => (Some(decode(username)), None),
        };
        Some(Self { scheme, username: username.filter(|name| !name.is_empty()), password, authority, path })
    }

    /// The host without brackets, and the port if one is given.
    pub(crate) fn host_and_port(&self) -> (&'a str, Option<u16>) {
        if let Some((host, rest)) = self.authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            return (host, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
        }
        match self.authority.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') => (host, port.parse().ok()),
            _ => (self.authority, None),
        }
    }
}

/// A URL without the password in it; the user name stays.
pub(crate) fn without_password(url: &str) -> String {
    hide(url, |name| format!("{name}@"))
}

/// The text with stars in the place of the password of each URL in it.
pub(crate) fn hide_passwords(text: &str) -> String {
    hide(text, |name| format!("{name}:***@"))
}

fn hide(text: &str, shown: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(scheme) = rest.find("://") {
        let (before, after) = rest.split_at(scheme + 3);
        out.push_str(before);
        let end = after
            .find(|character: char| {
                matches!(character, '/' | '?' | '#' | '\'' | '"') || character.is_whitespace()
            })
            .unwrap_or(after.len());
        let (authority, behind) = after.split_at(end);
        match authority.rsplit_once('@').and_then(|(user, host)| Some((user.split_once(':')?.0, host))) {
            Some((name, host)) => {
                out.push_str(&shown(name));
                out.push_str(host);
            }
            None => out.push_str(authority),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// Percent-encoded, fit for any part of a URL.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// Percent-decoded; what is no text then stays as it is.
pub(crate) fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8().map_or_else(|_| text.to_owned(), |decoded| decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_may_leave_out_the_scheme() {
        for (given, meant) in [
            ("github.com/user/repo.git", "https://github.com/user/repo.git"),
            ("localhost:8443/r", "https://localhost:8443/r"),
            ("http://h/r", "http://h/r"),
            ("git@github.com:user/repo.git", "git@github.com:user/repo.git"),
            ("host:path/repo", "host:path/repo"),
            ("/srv/repo", "/srv/repo"),
            ("../repo", "../repo"),
        ] {
            assert_eq!(of_request(given), meant);
        }
    }

    #[test]
    fn kinds_are_told_by_scheme_and_colon() {
        assert_eq!(kind("HTTPS://h/r"), Kind::Http);
        assert_eq!(kind("ssh://h/r"), Kind::Ssh);
        assert_eq!(kind("git@h:r"), Kind::Ssh);
        assert_eq!(kind("/a:b"), Kind::Local);
        assert_eq!(kind("../r"), Kind::Local);
        assert_eq!(kind("file:///r"), Kind::Local);
        assert_eq!(kind("git://h/r"), Kind::Git);
        assert_eq!(kind("ftp://h/r"), Kind::Other);
    }

    #[test]
    fn a_password_is_taken_out_and_the_name_stays() {
        assert_eq!(without_password("https://me:secret@h:1/r"), "https://me@h:1/r");
        assert_eq!(without_password("https://me@h/r"), "https://me@h/r");
        assert_eq!(without_password("https://h/r@x:y"), "https://h/r@x:y");
        assert_eq!(without_password("git@h:r"), "git@h:r");
        assert_eq!(
            hide_passwords("at 'http://a:b@h/' and https://c:d@h"),
            "at 'http://a:***@h/' and https://c:***@h"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a:/@?#' \\[\\]%é.]{0,24}") {
            let _ = (kind(&text), of_request(&text), Parts::of(&text).map(|parts| parts.host_and_port().1));
            let hidden = hide_passwords(&text);
            proptest::prop_assert_eq!(hide_passwords(&hidden), hidden.clone());
        }
    }

    #[test]
    fn a_url_is_taken_apart() {
        let parts = Parts::of("https://u%40x:p%3A@[::1]:8443/a/b").unwrap();
        assert_eq!(parts.username.as_deref(), Some("u@x"));
        assert_eq!(parts.password.as_deref(), Some("p:"));
        assert_eq!(parts.host_and_port(), ("::1", Some(8443)));
        assert_eq!(parts.path, "/a/b");
        assert_eq!(Parts::of("https://h").unwrap().host_and_port(), ("h", None));
        assert_eq!(Parts::of("no url"), None);
    }
}
