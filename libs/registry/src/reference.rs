//! The name of an image: `[registry/]repository[:tag][@sha256:digest]`.
//!
//! What is missing is what every other tool takes for it: the registry is Docker Hub, a repository there with one
//! part lies in `library`, and an image without tag and digest is the one that is tagged `latest`.

use std::fmt;
use std::str::FromStr;

use paddock_types::Sha256;

use crate::host::{InvalidHost, RegistryHost};

/// The longest repository, and the longest tag (OCI distribution).
const MAX_REPOSITORY: usize = 255;
const MAX_TAG: usize = 128;

/// The name of an image, complete.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageReference {
    registry: RegistryHost,
    repository: String,
    tag: Option<String>,
    digest: Option<Sha256>,
}

/// A text that names no image. The messages are fit for users.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReference {
    /// Nothing is there.
    #[error("the image has no name")]
    Empty,
    /// It is a URL.
    #[error("an image's name does not begin with {0}: leave that out")]
    Scheme(&'static str),
    /// The repository is not one.
    #[error(
        "{0:?} is not the name of an image: a repository has lower-case letters and digits, divided by one of . _ __ - and /"
    )]
    Repository(String),
    /// The repository has capital letters.
    #[error("the repository of image {0:?} must be in lower case")]
    UpperCase(String),
    /// It is too long.
    #[error("the repository of an image has at most {MAX_REPOSITORY} characters")]
    TooLong,
    /// The tag is none.
    #[error(
        "{0:?} is not a tag: it has 1 to {MAX_TAG} letters, digits, . _ and -, and does not begin with . or -"
    )]
    Tag(String),
    /// The digest is none.
    #[error("{0:?} is not a digest: sha256: and 64 hexadecimal digits in lower case are needed")]
    Digest(String),
    /// The registry is none.
    #[error(transparent)]
    Registry(#[from] InvalidHost),
}

impl ImageReference {
    /// The registry.
    pub fn registry(&self) -> &RegistryHost {
        &self.registry
    }

    /// The repository within the registry: `library/debian`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag that was named. `None`: none was, see [`ImageReference::digest`].
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest that was named; the tag beside it, if any, is for people.
    pub fn digest(&self) -> Option<&Sha256> {
        self.digest.as_ref()
    }

    /// This image as it was when it had that digest.
    #[must_use]
    pub fn at(&self, digest: Sha256) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// What a registry is asked for: the digest, else the tag, else `latest`.
    pub(crate) fn wanted(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => format!("sha256:{digest}"),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".to_owned(),
        }
    }
}

impl FromStr for ImageReference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        if text.is_empty() {
            return Err(InvalidReference::Empty);
        }
        for scheme in ["https://", "http://", "docker://", "oci://"] {
            if text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)) {
                return Err(InvalidReference::Scheme(scheme));
            }
        }
        let (text, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(parse_digest(digest)?)),
            None => (text, None),
        };
        // A colon before the last stroke belongs to the registry's port.
        let (name, tag) = match text.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(parse_tag(tag)?)),
            _ => (text, None),
        };
        let (registry, repository) = match name.split_once('/') {
            Some((first, rest)) if is_registry(first) => (first.parse()?, rest.to_owned()),
            _ => (RegistryHost::docker_hub(), name.to_owned()),
        };
        let is_at_hub = registry == RegistryHost::docker_hub();
        let repository =
            if is_at_hub && !repository.contains('/') { format!("library/{repository}") } else { repository };
        check_repository(&repository, name)?;
        Ok(Self { registry, repository, tag, digest })
    }
}

impl fmt::Display for ImageReference {
    /// The complete name, which parses to the same again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@sha256:{digest}"))
    }
}

/// Whether the first part of a name is a registry's: no user's name has a dot or a colon.
fn is_registry(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost"
}

fn check_repository(repository: &str, given: &str) -> Result<(), InvalidReference> {
    let shown = || given.chars().take(100).collect::<String>();
    if repository.len() > MAX_REPOSITORY {
        return Err(InvalidReference::TooLong);
    }
    if repository.split('/').all(is_part) {
        return Ok(());
    }
    if repository.to_ascii_lowercase().split('/').all(is_part) {
        return Err(InvalidReference::UpperCase(shown()));
    }
    Err(InvalidReference::Repository(shown()))
}

/// Letters and digits, divided by one dot, one or two underscores, or any number of hyphens.
fn is_part(part: &str) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    if !bytes.first().is_some_and(is_plain) || !bytes.last().is_some_and(is_plain) {
        return false;
    }
    bytes.chunk_by(|a, b| is_plain(a) == is_plain(b)).all(|run| {
        run.iter().all(is_plain) || matches!(run, b"." | b"_" | b"__") || run.iter().all(|&b| b == b'-')
    })
}

fn parse_tag(tag: &str) -> Result<String, InvalidReference> {
    let is_first = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_tag = (1..=MAX_TAG).contains(&tag.len())
        && tag.bytes().next().is_some_and(is_first)
        && tag.bytes().all(|byte| is_first(byte) || byte == b'.' || byte == b'-');
    if is_tag { Ok(tag.to_owned()) } else { Err(InvalidReference::Tag(tag.chars().take(140).collect())) }
}

fn parse_digest(digest: &str) -> Result<Sha256, InvalidReference> {
    let digits = digest.strip_prefix("sha256:").map(str::to_owned);
    digits
        .and_then(|digits| Sha256::try_from(digits).ok())
        .ok_or_else(|| InvalidReference::Digest(digest.chars().take(140).collect()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SUM: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn what_is_missing_is_what_others_take_for_it() {
        for (text, complete) in [
            ("debian", "docker.io/library/debian"),
            ("debian:12-slim", "docker.io/library/debian:12-slim"),
            ("docker.io/debian:12", "docker.io/library/debian:12"),
            ("index.docker.io/a/b:1", "docker.io/a/b:1"),
            ("bitnami/redis:7", "docker.io/bitnami/redis:7"),
            ("ghcr.io/a/b/c:v1.0", "ghcr.io/a/b/c:v1.0"),
            ("localhost/a:1", "localhost/a:1"),
            ("localhost:5000/a", "localhost:5000/a"),
            ("HOST.example.com:5000/a__b/c--d.e_f:T_a-G.1", "host.example.com:5000/a__b/c--d.e_f:T_a-G.1"),
            ("[::1]:5000/a:1", "[::1]:5000/a:1"),
            ("a/b", "docker.io/a/b"),
        ] {
            assert_eq!(text.parse::<ImageReference>().unwrap().to_string(), complete);
        }
        let both = format!("debian:12@sha256:{SUM}").parse::<ImageReference>().unwrap();
        assert_eq!((both.tag(), both.digest().unwrap().as_str()), (Some("12"), SUM));
        assert_eq!(both.wanted(), format!("sha256:{SUM}"));
        assert_eq!("debian".parse::<ImageReference>().unwrap().wanted(), "latest");
    }

    #[test]
    fn what_names_no_image_is_told_why() {
        for (text, why) in [
            ("", "has no name"),
            ("https://ghcr.io/a:1", "leave that out"),
            ("docker://a", "leave that out"),
            ("Debian:12", "must be in lower case"),
            ("ghcr.io/Owner/Image:1", "must be in lower case"),
            ("a b", "is not the name of an image"),
            ("a//b", "is not the name of an image"),
            ("/a", "is not the name of an image"),
            ("a/", "is not the name of an image"),
            ("../etc/passwd", "not the address of a registry"),
            ("a/../b", "is not the name of an image"),
            ("a___b", "is not the name of an image"),
            ("a..b", "is not the name of an image"),
            ("-a", "is not the name of an image"),
            ("a:", "is not a tag"),
            ("a:-x", "is not a tag"),
            ("a:ä", "is not a tag"),
            ("a@sha256:12", "is not a digest"),
            ("a@sha512:00", "is not a digest"),
            ("a@b@c", "is not a digest"),
            ("host:99999/a", "no port"),
            ("a\n", "is not the name of an image"),
        ] {
            let error = text.parse::<ImageReference>().expect_err(text);
            assert!(error.to_string().contains(why), "{text:?}: {error}");
        }
        assert_eq!("a".repeat(300).parse::<ImageReference>().unwrap_err(), InvalidReference::TooLong);
        let upper = format!("a@sha256:{}", SUM.to_uppercase());
        assert!(upper.parse::<ImageReference>().is_err());
    }

    fn name() -> impl Strategy<Value = String> {
        const HOST: &str = "(([a-z0-9]{1,8}\\.){1,3}[a-z]{2,4}(:[1-9][0-9]{0,3})?|localhost|\\[::[0-9a-f]{1,4}\\]:[1-9][0-9]{1,3})/";
        const PATH: &str =
            "[a-z0-9]{1,6}((\\.|_|__|-{1,3})[a-z0-9]{1,6}){0,2}(/[a-z0-9]{1,6}(__[a-z0-9]{1,3})?){0,3}";
        // Without a registry the first part has no dot, else it would be one.
        const FIRST: &str = "u[a-z0-9]{1,6}((_|__|-{1,3})[a-z0-9]{1,6}){0,2}";
        const END: &str = "(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,20})?(@sha256:[0-9a-f]{64})?";
        let of = |pattern: String| proptest::string::string_regex(&pattern).unwrap();
        prop_oneof![of(format!("{HOST}{PATH}{END}")), of(format!("{FIRST}(/{PATH})?{END}"))]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_name_is_read_as_it_is_written(text in name()) {
            let parsed: ImageReference = text.parse().unwrap();
            let complete = parsed.to_string();
            prop_assert_eq!(&complete.parse::<ImageReference>().unwrap(), &parsed);
            prop_assert!(complete.ends_with(text.rsplit('/').next().unwrap()) , "{} {}", text, complete);
            prop_assert!(!parsed.repository().is_empty());
        }

        #[test]
        fn no_text_is_too_strange(text in any::<String>()) {
            if let Ok(parsed) = text.parse::<ImageReference>() {
                let part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/".contains(c);
                prop_assert!(parsed.repository().chars().all(part));
                prop_assert!(!parsed.repository().contains(".."));
            }
        }
    }
}
