//! What an installation decides about its control plane.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Uri;
use axum::http::uri::Authority;
use paddock_store::StoreUrl;

/// Everything that control is told from outside. Nothing of it is read from the environment here.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where records are kept.
    pub store: StoreUrl,
    /// A file with the key that passwords are kept with, made if it is not there. Whoever has several processes on one
    /// store gives each the same one.
    pub sealing_key: PathBuf,
    /// The runner's socket. It need not be there yet.
    pub runner_socket: PathBuf,
    /// The runner's other socket, for the inside of builds' sandboxes.
    pub open_socket: PathBuf,
    /// A directory of this process's own, for what builds say and are given.
    pub builds: PathBuf,
    /// Where layers and contexts are kept.
    pub objects: Arc<dyn paddock_driver_object::ObjectStore>,
    /// How registries are spoken to.
    pub registries: paddock_registry::Client,
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
    /// How often timers are looked at and uses written down. Ten seconds unless a test is in a hurry
    /// (`spec/control-plane.md` G.5).
    pub timer_period: Duration,
    /// The version of the program.
    pub version: String,
    /// What the event stream allows.
    pub events: EventLimits,
}

/// What the event stream allows its clients. The defaults are the protocol's where it has some.
#[derive(Debug, Clone, Copy)]
pub struct EventLimits {
    /// From one heartbeat to the next; how late a key that another process revoked is noticed.
    pub ping_interval: Duration,
    /// How long a heartbeat may stay unanswered, or a frame unread.
    pub ping_timeout: Duration,
    /// How long a client may take to say who it is.
    pub connect_timeout: Duration,
    /// The most sockets of all together.
    pub most_sockets: usize,
    /// The most sockets of one organization, so that one cannot take them all.
    pub most_sockets_of_organization: usize,
    /// The most that may wait for one client to read it, beside what the kernel buffers. Room for a burst of
    /// the largest sandboxes there can be.
    pub most_unsent_bytes: usize,
    /// The most that may wait for all together; beyond it, whoever lets more than one event lie is cut off.
    pub most_unsent_bytes_of_all: usize,
}

impl Default for EventLimits {
    fn default() -> Self {
        Self {
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(10),
            most_sockets: 8192,
            most_sockets_of_organization: 4096,
            most_unsent_bytes: 8 << 20,
            most_unsent_bytes_of_all: 64 << 20,
        }
    }
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

impl Config {
    /// What [`Config::timer_period`] is outside tests.
    pub const TIMER_PERIOD: Duration = Duration::from_secs(10);
}

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
