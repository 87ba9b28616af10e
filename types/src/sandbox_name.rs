//! The name that a user gives to a sandbox.

use std::fmt;

use crate::{InvalidName, SandboxId};

/// A sandbox's name: 1 to 255 characters of free text, without control characters, HTML tags and
/// URLs (`spec/control-plane.md` G.3). Unique among the live sandboxes of one organization; that is
/// the store's to see.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SandboxName(String);

/// The most characters of a name. Ours: the reference says nothing.
const LONGEST: usize = 255;

impl SandboxName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A sandbox's name as a host name, in lower case; `None` for one that is no host name (RFC 1123): labels of 1 to 63 ASCII
/// letters, digits and inner hyphens, joined by dots, 253 characters at most.
pub fn host_name(name: &str) -> Option<String> {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(is_inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // An address is asked for by nobody.
    let is_name = name.len() <= 253
        && name.split('.').all(is_label)
        && !name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    is_name.then(|| name.to_ascii_lowercase())
}

impl TryFrom<String> for SandboxName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        let complaint = if text.trim().is_empty() {
            "must not be empty"
        } else if text.chars().count() > LONGEST {
            "must have at most 255 characters"
        } else if text.chars().any(char::is_control) {
            "must not contain control characters"
        } else if has_tag(&text) {
            "must not contain HTML tags"
        } else if has_url(&text) {
            "must not contain URLs"
        } else {
            return Ok(Self(text));
        };
        Err(InvalidName::new(format!("name {complaint}")))
    }
}

impl From<SandboxName> for String {
    fn from(name: SandboxName) -> Self {
        name.0
    }
}

impl fmt::Display for SandboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a caller names a sandbox: by id, or by its name. A text that reads as an id is taken for one
/// first; a sandbox whose *name* reads as an id is found when no id matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SandboxRef {
    /// By id.
    Id(SandboxId),
    /// By name.
    Name(SandboxName),
}

impl TryFrom<String> for SandboxRef {
    type Error = InvalidName;

    /// # Errors
    /// When the text could be neither: nothing of that name can exist.
    fn try_from(text: String) -> Result<Self, InvalidName> {
        match text.parse() {
            Ok(id) => Ok(Self::Id(id)),
            Err(_) => SandboxName::try_from(text).map(Self::Name),
        }
    }
}

impl fmt::Display for SandboxRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// Whether some `<` begins what a browser would take for a tag or a comment.
fn has_tag(text: &str) -> bool {
    text.split('<')
        .skip(1)
        .any(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c)))
}

/// Whether the text holds `scheme://` or begins a word with `www.`.
fn has_url(text: &str) -> bool {
    let scheme =
        text.match_indices("://").any(|(at, _)| text[..at].ends_with(|c: char| c.is_ascii_alphanumeric()));
    scheme
        || text.split(|c: char| !(c.is_alphanumeric() || c == '.')).any(|word| {
            word.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("www.")) && word.len() > 4
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_host_names_can_be_asked_for() {
        assert_eq!(host_name("Web-7").as_deref(), Some("web-7"));
        assert_eq!(host_name("db.internal").as_deref(), Some("db.internal"));
        let id = "8d3a2c7e-51b0-4a4e-9a0d-6f2f6c1b7e10";
        assert_eq!(host_name(id).as_deref(), Some(id));
        let long = "x".repeat(64);
        for bad in ["", "my box", "a_b", "-a", "a-", "a..b", ".a", "a.", "ü", "10.0.0.1", "7", &long] {
            assert_eq!(host_name(bad), None, "{bad:?}");
        }
        assert_eq!(host_name(&["x".repeat(63).as_str(); 4].join(".")), None, "255 characters");
    }

    #[test]
    fn free_text_is_a_name() {
        for good in
            ["web-7", "my box", "a < b", "Größe 3", "日本", "x.y/z", "8d3a2c7e-51b0-4a4e-9a0d-6f2f6c1b7e10"]
        {
            assert!(SandboxName::try_from(good.to_owned()).is_ok(), "{good}");
        }
    }

    #[test]
    fn what_a_page_could_take_for_markup_or_a_link_is_refused() {
        for bad in [
            "",
            "  ",
            "a\nb",
            "\0",
            "a\u{7f}",
            "<b>x",
            "</p",
            "<!--",
            "http://x",
            "see ftp://y",
            "www.example.com",
        ] {
            assert!(SandboxName::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
        assert!(SandboxName::try_from("x".repeat(255)).is_ok());
        assert!(SandboxName::try_from("x".repeat(256)).is_err());
    }
}
