//! Paths of a request, as paths in the repository.

use std::path::{Component, Path};

use crate::failure::Failure;

/// The kernel's limit. Git's program cuts what it says of a longer one, and with it the reason.
const LONGEST: usize = 4096;

/// A file or directory in the repository: relative, with slashes, without `.` and `..`; empty means the
/// whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RepoPath {
    pub(super) path: String,
    /// As the request has it, for messages.
    pub(super) given: String,
}

impl RepoPath {
    /// `given` in the repository whose worktree is `root`: relative to it, or absolute and in it.
    pub(super) fn of(root: &Path, given: &str) -> Result<Self, Failure> {
        let outside = || Failure::bad_request(format!("{given:?} is outside of the repository"));
        if given.len() >= LONGEST {
            return Err(Failure::bad_request("a path is longer than the system takes"));
        }
        let path = Path::new(given);
        let resolved;
        let relative = if path.is_absolute() {
            match path.strip_prefix(root) {
                Ok(relative) => relative,
                Err(_) => {
                    resolved = root.canonicalize().map_err(|_| outside())?;
                    path.strip_prefix(&resolved).map_err(|_| outside())?
                }
            }
        } else {
            path
        };
        if given.is_empty() || given.contains('\0') {
            return Err(Failure::bad_request(format!("{given:?} is no path")));
        }
        let mut parts: Vec<&str> = Vec::new();
        for component in relative.components() {
            match component {
                Component::Normal(part) => parts.push(part.to_str().unwrap_or_default()),
                Component::CurDir => {}
                Component::ParentDir => {
                    parts.pop().ok_or_else(outside)?;
                }
                Component::RootDir | Component::Prefix(_) => return Err(outside()),
            }
        }
        if parts.first().is_some_and(|first| first.eq_ignore_ascii_case(".git")) {
            return Err(Failure::bad_request(format!("{given:?} is git's own")));
        }
        Ok(Self { path: parts.join("/"), given: given.to_owned() })
    }

    /// All of a request's.
    pub(super) fn all(root: &Path, given: &[String]) -> Result<Vec<Self>, Failure> {
        given.iter().map(|given| Self::of(root, given)).collect()
    }

    /// Whether it means the whole repository.
    pub(super) fn is_root(&self) -> bool {
        self.path.is_empty()
    }

    /// Whether `path` is this one or lies below it.
    pub(super) fn covers(&self, path: &[u8]) -> bool {
        self.is_root()
            || path.strip_prefix(self.path.as_bytes()).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
    }

    /// The error for one that names nothing.
    pub(super) fn unmatched(&self) -> Failure {
        Failure::bad_request(format!("pathspec {:?} did not match any files", self.given))
    }

    /// For the program, relative to the repository.
    pub(super) fn for_program(&self) -> &str {
        if self.is_root() { "." } else { &self.path }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_repository() {
        let of = |given: &str| RepoPath::of(Path::new("/r"), given).map(|path| path.path);
        assert_eq!(of("a//b/./c/../d").unwrap(), "a/b/d");
        assert_eq!(of(".").unwrap(), "");
        assert_eq!(of("/r/x").unwrap(), "x");
        assert_eq!(of("/r").unwrap(), "");
        for bad in ["..", "a/../../b", "/x", "", "a\0", ".git/config", "./.GIT"] {
            assert!(of(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_directory_covers_what_is_in_it() {
        let path = RepoPath::of(Path::new("/r"), "a/b").unwrap();
        assert!(path.covers(b"a/b") && path.covers(b"a/b/c"));
        assert!(!path.covers(b"a/bc") && !path.covers(b"a"));
        assert!(RepoPath::of(Path::new("/r"), ".").unwrap().covers(b"anything"));
    }
}
