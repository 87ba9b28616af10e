//! Names that end up inside a sandbox: OS users and environment variables.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text is not a name of its kind. The message is fit for users.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(String);

impl InvalidName {
    pub(crate) fn new(message: String) -> Self {
        Self(message)
    }
}

/// The name of a user of the sandbox's own `/etc/passwd`: 1 to 32 characters, no colon, slash,
/// blank or control character, not starting with `-`. Digits alone mean a numeric uid.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OsUser(String);

impl OsUser {
    /// Whoever may do everything inside.
    pub fn root() -> Self {
        Self("root".to_owned())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for OsUser {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        let valid = (1..=32).contains(&text.len())
            && !text.starts_with('-')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '$'));
        if valid { Ok(Self(text)) } else { Err(InvalidName("user must be a valid OS user name".to_owned())) }
    }
}

impl From<OsUser> for String {
    fn from(user: OsUser) -> Self {
        user.0
    }
}

impl fmt::Display for OsUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of an environment variable: not empty, without `=` and NUL. (Names that a shell could
/// not export are legal for a process, so they are legal here.)
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EnvName(String);

impl EnvName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for EnvName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        if text.is_empty() || text.contains(['=', '\0']) {
            return Err(InvalidName(format!("env: {text:?} is not a valid variable name")));
        }
        Ok(Self(text))
    }
}

impl From<EnvName> for String {
    fn from(name: EnvName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_that_could_leave_their_field_are_refused() {
        for bad in ["", "-x", "a:b", "a/b", "a b", "a\n", &"x".repeat(33)] {
            assert!(OsUser::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
        for good in ["daytona", "root", "1000", "www-data", "_apt"] {
            assert!(OsUser::try_from(good.to_owned()).is_ok(), "{good}");
        }
    }

    #[test]
    fn variables_that_could_become_two_are_refused() {
        for bad in ["", "A=B", "A\0"] {
            assert!(EnvName::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
