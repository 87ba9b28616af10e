//! Which registries are spoken to, and how; how much and how long.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::host::{InvalidHost, RegistryHost};

/// How registries are spoken to.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Asked before the registry that a name names, in this order.
    pub mirrors: Vec<Mirror>,
    /// Whether a registry that has mirrors is never asked itself.
    pub mirrors_only: bool,
    /// Registries that speak plain HTTP. Those that are private need no other leave.
    pub insecure: BTreeSet<RegistryHost>,
    /// Which registries may be at private addresses.
    pub private: PrivateRegistries,
    /// A PEM file of certificate authorities that are trusted beside the host's own.
    pub ca_file: Option<PathBuf>,
    /// How much.
    pub limits: Limits,
    /// How long.
    pub times: Times,
}

/// A server that has images of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// Whose images it has.
    pub of: RegistryHost,
    /// Whether it speaks plain HTTP.
    pub is_plain: bool,
    /// Where it is.
    pub host: RegistryHost,
    /// What stands before repositories there: empty, or parts that end in a stroke.
    pub prefix: String,
}

/// Which registries may be at addresses of private networks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum PrivateRegistries {
    /// None but mirrors and insecure ones.
    #[default]
    None,
    /// These too.
    These(BTreeSet<RegistryHost>),
    /// All; still not those at this host's own addresses, nor the cloud's metadata.
    All,
}

/// How much a registry may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of a manifest, an index, or an image's configuration, in bytes each.
    pub document_bytes: u64,
    /// Of all layers of an image together, as they are stored, in bytes.
    pub image_bytes: u64,
    /// Layers of an image.
    pub layers: usize,
    /// Layers of one image that are fetched at once.
    pub at_once: usize,
    /// Layers that are fetched at once by all together.
    pub at_once_together: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // What Docker's own registry takes.
            document_bytes: 4 << 20,
            // `spec/control-plane.md` G.2: the largest snapshot.
            image_bytes: 20 << 30,
            layers: paddock_types::RootRef::MOST_LAYERS,
            at_once: 3,
            at_once_together: 8,
        }
    }
}

/// How long a registry may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// To begin an answer, and to send the next piece of one.
    pub answer: Duration,
    /// For a whole document.
    pub document: Duration,
    /// Within this time a layer must have gone on by [`Times::least_bytes`].
    pub window: Duration,
    /// See [`Times::window`].
    pub least_bytes: u64,
    /// For one layer from the first try to the last byte (`spec/control-plane.md` D.10: an image has 60 minutes).
    pub layer: Duration,
    /// Before the second try; doubled before each further one.
    pub pause: Duration,
    /// The longest that is waited because a registry said so.
    pub longest_pause: Duration,
    /// Tries in a row that bring nothing, or of a layer less than [`Times::least_bytes`] each.
    pub tries: u32,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(30),
            document: Duration::from_secs(60),
            window: Duration::from_secs(60),
            // 16 KiB/s: a guess at what is slower than any line that people use.
            least_bytes: 1 << 20,
            layer: Duration::from_secs(3600),
            pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(60),
            tries: 5,
        }
    }
}

/// A setting that cannot be used. The message is fit for whoever set it.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSetting {
    /// No mirror.
    #[error("{text:?} is not of the form registry=https://host[:port][/prefix]")]
    Mirror {
        /// What was given.
        text: String,
    },
    /// No host.
    #[error(transparent)]
    Host(#[from] InvalidHost),
    /// No authorities.
    #[error("could not read certificates from {path}")]
    Authorities {
        /// Where.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// TLS, name resolution or proxies cannot be set up.
    #[error("could not prepare for speaking to registries")]
    Prepare(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl FromStr for Mirror {
    type Err = InvalidSetting;

    /// From `docker.io=https://mirror.example.com/prefix`.
    fn from_str(text: &str) -> Result<Self, InvalidSetting> {
        let invalid = || InvalidSetting::Mirror { text: text.to_owned() };
        let (of, url) = text.split_once('=').ok_or_else(invalid)?;
        let (is_plain, rest) = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err(invalid()),
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.trim_matches('/');
        let is_path =
            path.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-/".contains(&b));
        if !is_path || path.contains("..") {
            return Err(invalid());
        }
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        Ok(Self { of: of.parse()?, is_plain, host: host.parse()?, prefix })
    }
}

impl FromStr for PrivateRegistries {
    type Err = InvalidSetting;

    /// From `no`, `yes`, or names divided by commas.
    fn from_str(text: &str) -> Result<Self, InvalidSetting> {
        Ok(match text {
            "" | "no" | "false" => Self::None,
            "yes" | "true" => Self::All,
            names => Self::These(hosts(names)?),
        })
    }
}

/// Mirrors, divided by commas or blanks.
///
/// # Errors
/// The first that is none.
pub fn mirrors(text: &str) -> Result<Vec<Mirror>, InvalidSetting> {
    words(text).map(str::parse).collect()
}

/// Names of registries, divided by commas or blanks.
///
/// # Errors
/// The first that is none.
pub fn hosts(text: &str) -> Result<BTreeSet<RegistryHost>, InvalidSetting> {
    words(text).map(|name| RegistryHost::from_url(name).map_err(InvalidSetting::from)).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ', '\n', '\t']).filter(|word| !word.is_empty())
}

impl PrivateRegistries {
    pub(crate) fn names(&self, host: &RegistryHost) -> bool {
        matches!(self, Self::These(hosts) if hosts.contains(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_are_read_in_order() {
        let found = mirrors(
            "docker.io=http://127.0.0.1:5000, docker.io=https://m.example.com/hub/ ghcr.io=https://m",
        )
        .unwrap();
        let shown: Vec<_> = found
            .iter()
            .map(|one| (one.of.as_str(), one.is_plain, one.host.as_str(), one.prefix.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                ("docker.io", true, "127.0.0.1:5000", ""),
                ("docker.io", false, "m.example.com", "hub/"),
                ("ghcr.io", false, "m", "")
            ]
        );
        for text in [
            "docker.io",
            "docker.io=m",
            "docker.io=ftp://m",
            "=https://m",
            "a=https://",
            "a=https://m/../x",
            "a=https://m/?q",
        ] {
            assert!(mirrors(text).is_err(), "{text}");
        }
    }

    #[test]
    fn private_registries_are_none_some_or_all() {
        assert_eq!("no".parse::<PrivateRegistries>().unwrap(), PrivateRegistries::None);
        assert_eq!("yes".parse::<PrivateRegistries>().unwrap(), PrivateRegistries::All);
        let some: PrivateRegistries = "registry.corp:5000,10.0.0.7".parse().unwrap();
        assert!(some.names(&"10.0.0.7".parse().unwrap()) && !some.names(&"10.0.0.7:80".parse().unwrap()));
        assert!("a b_c".parse::<PrivateRegistries>().is_err());
    }
}
