//! The environment that processes in the sandbox inherit.
//!
//! The daemon never changes its own process's environment (that would need `unsafe`, and is not
//! what children get); it keeps this copy and hands each child a whole one.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// The search path of a process whose environment has none, as every shell and runtime assumes it.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Variables with this prefix are between the runner and the daemon, and no child sees them.
const PRIVATE_PREFIX: &str = "PADDOCK_";

/// Names and values, ordered by name. A name is never empty and has no `=`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// What a child may inherit of `variables`: without those that belong to the runner and the
    /// daemon, and with a search path.
    pub fn for_children(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut kept: BTreeMap<_, _> = variables
            .into_iter()
            .filter(|(name, _)| !name.as_encoded_bytes().starts_with(PRIVATE_PREFIX.as_bytes()))
            .collect();
        kept.entry("PATH".into()).or_insert_with(|| DEFAULT_PATH.into());
        Self(kept)
    }

    /// The value of one variable.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// Sets one variable, whether or not it was there.
    pub fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        self.0.insert(name.into(), value.into());
    }

    /// The same without some variables.
    pub(crate) fn without(mut self, names: &[&str]) -> Self {
        self.0.retain(|name, _| names.iter().all(|left_out| name != left_out));
        self
    }

    /// Removes the variables for which `is_unwanted(name, value)`.
    pub fn unset(&mut self, is_unwanted: impl Fn(&OsStr, &OsStr) -> bool) {
        self.0.retain(|name, value| !is_unwanted(name, value));
    }

    /// All names and values, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

/// Whether a request may name this variable: `[A-Za-z_][A-Za-z0-9_]*`.
pub(crate) fn is_valid_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_do_not_see_what_is_between_runner_and_daemon() {
        let given = [("PADDOCK_USER", "daytona"), ("PATH", "/bin"), ("A", "1")];
        let env = Environment::for_children(given.map(|(n, v)| (n.into(), v.into())));
        let names: Vec<_> = env.iter().map(|(name, _)| name.to_str().unwrap()).collect();
        assert_eq!(names, ["A", "PATH"]);
        assert_eq!(env.get("PATH"), Some(OsStr::new("/bin")));
    }

    #[test]
    fn a_missing_path_gets_the_usual_one() {
        assert_eq!(Environment::for_children([]).get("PATH"), Some(OsStr::new(DEFAULT_PATH)));
    }

    #[test]
    fn names_are_what_a_shell_can_export() {
        for good in ["A", "_", "a_1", "PATH"] {
            assert!(is_valid_name(good), "{good}");
        }
        for bad in ["", "1A", "A-B", "A=B", "A B", "ä", "A\0"] {
            assert!(!is_valid_name(bad), "{bad:?}");
        }
    }
}
