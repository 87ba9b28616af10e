//! The name that a user gives to a snapshot.

use std::fmt;

use crate::InvalidName;

/// A snapshot's name: parts of letters, digits, `_`, `.`, `-` and `:`, joined by single slashes, 255 characters at most
/// (`spec/control-plane.md` G.3; the length is ours). Unique in one organization; that is the store's to see.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SnapshotName(String);

/// The most characters of a name. Ours: the reference says nothing.
const LONGEST: usize = 255;

impl TryFrom<String> for SnapshotName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        let is_part = |part: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b':');
            !part.is_empty() && part.bytes().all(fits)
        };
        if text.len() > LONGEST {
            return Err(InvalidName::new("name must have at most 255 characters".to_owned()));
        }
        if !text.split('/').all(is_part) {
            let rule =
                "name must be parts of letters, digits, '_', '.', '-' and ':', joined by single slashes";
            return Err(InvalidName::new(rule.to_owned()));
        }
        Ok(Self(text))
    }
}

impl From<SnapshotName> for String {
    fn from(name: SnapshotName) -> Self {
        name.0
    }
}

impl fmt::Display for SnapshotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parts_joined_by_single_slashes() {
        for good in ["a", "base:1.0", "team/web_v2", "a/b/c", "-", "..", &"x".repeat(255)] {
            assert!(SnapshotName::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", "/", "a/", "/a", "a//b", "a b", "ä", "a\n", "a?b", &"x".repeat(256)] {
            assert!(SnapshotName::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
