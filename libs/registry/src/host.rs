//! The name of a registry, as it stands before an image's: `docker.io`, `ghcr.io`, `registry.example.com:5000`.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// The name of the registry of images that name none.
pub(crate) const DOCKER_HUB: &str = "docker.io";
/// Other names of it, which people have in their settings.
const HUB_ALIASES: [&str; 4] =
    ["index.docker.io", "registry-1.docker.io", "registry.hub.docker.com", "hub.docker.com"];
/// Where its images are served.
const HUB_SERVER: &str = "registry-1.docker.io";

/// A registry: a host name or address in lower case, and its port when that is not the usual one of its scheme.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistryHost(String);

/// A text that names no registry. The message is fit for users.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not the address of a registry: {why}")]
pub struct InvalidHost {
    text: String,
    why: &'static str,
}

impl RegistryHost {
    /// From what people write into a form: with or without a scheme, a path and strokes at the end. The path is of no
    /// matter: what an image's name has is the host.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_url(text: &str) -> Result<Self, InvalidHost> {
        let trimmed = text.trim();
        let lower = trimmed.to_ascii_lowercase();
        let rest = ["https://", "http://"].iter().find_map(|scheme| lower.strip_prefix(scheme));
        let rest = rest.unwrap_or(&lower);
        rest.split('/').next().unwrap_or_default().parse()
    }

    /// The registry of images that name none.
    pub fn docker_hub() -> Self {
        Self(DOCKER_HUB.to_owned())
    }

    /// As it stands before an image's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host and port that serve its images.
    pub(crate) fn server(&self) -> &str {
        if self.0 == DOCKER_HUB { HUB_SERVER } else { &self.0 }
    }
}

impl FromStr for RegistryHost {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let shown: String = text.chars().take(100).collect();
        let invalid = |why| InvalidHost { text: shown.clone(), why };
        let lower = text.to_ascii_lowercase();
        let (host, port) = match lower.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']').ok_or(invalid("the address has no end"))?;
                address.parse::<Ipv6Addr>().map_err(|_| invalid("this is no IPv6 address"))?;
                (&lower[..address.len() + 2], port.strip_prefix(':').or(port.is_empty().then_some("")))
            }
            None => match lower.split_once(':') {
                Some((host, port)) => (host, Some(port).filter(|port| !port.is_empty())),
                None => (lower.as_str(), Some("")),
            },
        };
        let port = port.ok_or(invalid("its port is no port"))?;
        let is_port = port.is_empty()
            || (port.bytes().all(|byte| byte.is_ascii_digit())
                && port.parse::<u16>().is_ok_and(|port| port > 0));
        if !is_port {
            return Err(invalid("its port is no port"));
        }
        if host.is_empty() {
            return Err(invalid("the host name is missing"));
        }
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !host.starts_with('[') && (host.len() > 253 || !host.split('.').all(is_label)) {
            return Err(invalid("a host name has letters, digits, hyphens and dots"));
        }
        if HUB_ALIASES.contains(&host) || host == DOCKER_HUB {
            return Ok(Self::docker_hub());
        }
        Ok(Self(match port {
            "" => host.to_owned(),
            port => format!("{host}:{}", port.trim_start_matches('0')),
        }))
    }
}

impl fmt::Display for RegistryHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_becomes_the_name_before_an_image() {
        for (text, name) in [
            ("ghcr.io", "ghcr.io"),
            ("https://GHCR.io/", "ghcr.io"),
            ("http://127.0.0.1:5000", "127.0.0.1:5000"),
            ("https://index.docker.io/v1/", "docker.io"),
            ("registry-1.docker.io", "docker.io"),
            ("docker.io", "docker.io"),
            (" https://registry.example.com:8443/v2/// ", "registry.example.com:8443"),
            ("[::1]:5000", "[::1]:5000"),
            ("[2001:db8::1]", "[2001:db8::1]"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(RegistryHost::from_url(text).unwrap().as_str(), name, "{text}");
        }
        for text in [
            "",
            "https://",
            "a b",
            "user@host",
            "host:",
            "host:0",
            "host:65536",
            "host:x",
            "ho_st",
            "-a.com",
            "[::1",
            "[x]:1",
            "[::1]5",
            "a..b",
            "host:80:80",
            &"a".repeat(300),
            "ftp://x",
            "häst",
        ] {
            assert!(RegistryHost::from_url(text).is_err(), "{text}");
        }
    }
}
