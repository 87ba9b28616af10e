//! What an installation decides about its control plane.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use axum::http::Uri;
use axum::http::uri::Authority;
use paddock_store::StoreUrl;

/// Everything that control is told from outside. Nothing of it is read from the environment here.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where records are kept.
    pub store: StoreUrl,
    /// The runner's socket. It need not be there yet.
    pub runner_socket: PathBuf,
    /// How clients reach the API. `None`: as their own request says.
    pub public_url: Option<PublicUrl>,
    /// How clients reach the proxy. `None`: at the API's host and `proxy_port`.
    pub proxy_url: Option<PublicUrl>,
    /// The port at which the proxy really listens.
    pub proxy_port: u16,
    /// How clients reach the dashboard. `None`: where they reach the API.
    pub dashboard_url: Option<PublicUrl>,
    /// The id and name of the region of this installation.
    pub region: String,
    /// What a sandbox is made from when its maker names nothing.
    pub default_snapshot: String,
    /// The version of the program.
    pub version: String,
}

/// The origin of an address: scheme, host and port. Never ends with a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    scheme: &'static str,
    authority: Authority,
}

/// A text that is no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a public address must be http:// or https:// with a host and at most a port")]
pub struct InvalidPublicUrl;

impl PublicUrl {
    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// The host, in brackets when it is an IPv6 address.
    pub fn host(&self) -> &str {
        self.authority.host()
    }
}

impl FromStr for PublicUrl {
    type Err = InvalidPublicUrl;

    fn from_str(text: &str) -> Result<Self, InvalidPublicUrl> {
        let uri: Uri = text.parse().map_err(|_| InvalidPublicUrl)?;
        let scheme = match uri.scheme_str() {
            Some("http") => "http",
            Some("https") => "https",
            _ => return Err(InvalidPublicUrl),
        };
        let authority = uri.authority().ok_or(InvalidPublicUrl)?;
        let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        if !is_bare || authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(InvalidPublicUrl);
        }
        Ok(Self { scheme, authority: authority.clone() })
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (text, shown) in [
            ("https://paddock.example.com", "https://paddock.example.com"),
            ("http://10.0.0.1:3000/", "http://10.0.0.1:3000"),
            ("http://[::1]:3000", "http://[::1]:3000"),
        ] {
            assert_eq!(text.parse::<PublicUrl>().unwrap().to_string(), shown);
        }
        for text in ["", "paddock", "ftp://x", "http://", "http://u:p@x", "http://x/api", "http://x?y"] {
            assert!(text.parse::<PublicUrl>().is_err(), "{text}");
        }
    }
}
