//! What went wrong, as a client is told it.

use std::io;

use git2::{ErrorClass, ErrorCode as GitCode};
use paddock_wire_toolbox::ErrorCode;

use crate::program::cause;

/// A failure of an operation: a code of the wire and a message for users, without a prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The request asks for something that is never right. 400.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadRequest, message)
    }

    /// No such remote, revision or object. 404.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotFound, message)
    }

    /// Something is there already, or in use. 409.
    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Conflict, message)
    }

    /// Local changes are in the way. 409.
    pub(crate) fn dirty(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::GitDirtyWorktree, message)
    }

    /// The network or the other side of it. 502.
    pub(crate) fn transport(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::GitTransportFailed, message)
    }

    /// Nobody's fault that we know of. 500.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InternalServerError, message)
    }

    /// The operation needs a working tree. 400.
    pub(crate) fn bare() -> Self {
        Self::bad_request("the repository is bare: it has no working tree")
    }

    /// A file or directory of the system.
    pub(crate) fn file(what: &str, error: &io::Error) -> Self {
        let code = match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorCode::Forbidden,
            _ => ErrorCode::InternalServerError,
        };
        Self::new(code, format!("{what}: {error}"))
    }

    /// An error of the library in an operation on the local repository.
    pub(crate) fn library(error: &git2::Error) -> Self {
        let message = error.message();
        let code = match (error.code(), error.class()) {
            (GitCode::Locked, _) => {
                return Self::conflict(format!(
                    "another git process works in this repository, or has left a file such as index.lock: {message}"
                ));
            }
            (GitCode::BareRepo, _) => return Self::bare(),
            (GitCode::Conflict, _) | (GitCode::Uncommitted | GitCode::Unmerged, _) => {
                ErrorCode::GitDirtyWorktree
            }
            (GitCode::Auth, _) => ErrorCode::GitAuthFailed,
            (GitCode::NotFastForward, _) => ErrorCode::GitPushRejected,
            _ if is_no_name(message) => ErrorCode::BadRequest,
            (GitCode::InvalidSpec | GitCode::Ambiguous | GitCode::Directory, _) => ErrorCode::BadRequest,
            (_, ErrorClass::Repository) if message.contains("unsupported") => ErrorCode::UnprocessableEntity,
            (GitCode::Exists, _) => ErrorCode::Conflict,
            (GitCode::NotFound, ErrorClass::Repository) => ErrorCode::GitRepoNotFound,
            (GitCode::NotFound | GitCode::UnbornBranch, _) => ErrorCode::NotFound,
            (_, ErrorClass::Os | ErrorClass::Filesystem) if is_denied(message) => ErrorCode::Forbidden,
            (_, ErrorClass::Net | ErrorClass::Http | ErrorClass::Ssl | ErrorClass::Ssh) => {
                ErrorCode::GitTransportFailed
            }
            _ => cause(message).unwrap_or(ErrorCode::InternalServerError),
        };
        Self::new(code, message)
    }

    /// An error of the library while it speaks to a remote: what the remote says is recognized by its
    /// words, and what is left is the connection's.
    pub(crate) fn remote(error: &git2::Error) -> Self {
        if matches!(error.class(), ErrorClass::Net | ErrorClass::Http | ErrorClass::Indexer) {
            let code = match error.code() {
                GitCode::NotFastForward => ErrorCode::GitPushRejected,
                GitCode::Auth => ErrorCode::GitAuthFailed,
                _ => cause(error.message()).unwrap_or(ErrorCode::GitTransportFailed),
            };
            return Self::new(code, error.message());
        }
        Self::library(error)
    }
}

impl From<git2::Error> for Failure {
    fn from(error: git2::Error) -> Self {
        Self::library(&error)
    }
}

/// What no file, reference or setting can be called.
fn is_no_name(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["file name too long", "nul byte", "path too long"].iter().any(|words| message.contains(words))
}

fn is_denied(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["permission denied", "operation not permitted", "read-only file system"]
        .iter()
        .any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(code: GitCode, class: ErrorClass, message: &str) -> ErrorCode {
        Failure::library(&git2::Error::new(code, class, message)).code
    }

    #[test]
    fn a_lock_is_a_conflict_and_a_denied_file_is_forbidden() {
        assert_eq!(code(GitCode::Locked, ErrorClass::Os, "index.lock"), ErrorCode::Conflict);
        assert_eq!(
            code(GitCode::GenericError, ErrorClass::Os, "failed to open 'x': Permission denied"),
            ErrorCode::Forbidden
        );
        assert_eq!(
            code(GitCode::GenericError, ErrorClass::Os, "failed to open 'x': No space left"),
            ErrorCode::InternalServerError
        );
    }

    #[test]
    fn what_a_remote_says_is_recognized_by_its_words() {
        let said = |message: &str| {
            Failure::remote(&git2::Error::new(GitCode::GenericError, ErrorClass::Net, message)).code
        };
        assert_eq!(said("remote error: Repository not found."), ErrorCode::GitRepoNotFound);
        assert_eq!(said("early EOF"), ErrorCode::GitTransportFailed);
    }
}
