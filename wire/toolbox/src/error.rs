//! The error body, and the machine codes that clients turn into typed exceptions.

use serde::{Deserialize, Serialize};

/// The `source` of every error that comes from inside a sandbox. Clients raise a specific exception
/// only if they find this text beside a [`ErrorCode`] that they know.
pub const DAEMON_SOURCE: &str = "DAYTONA_DAEMON";

/// The body of every error, with content type `application/json`.
///
/// Source: `ErrorResponse` of the reference, with `source` as its newest clients read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ErrorResponse))]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    /// The HTTP status once more. The Go client prefers this one.
    pub status_code: u16,
    /// What users see, after their client's own prefix.
    pub message: String,
    /// The machine code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<ErrorCode>,
    /// Who answered, [`DAEMON_SOURCE`] here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// When, RFC 3339 with offset.
    pub timestamp: String,
    /// The request's path as the daemon saw it; in a part of a bulk download the file's path.
    pub path: String,
    /// The request's method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
}

/// Machine codes of errors. Each belongs to one HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = DaemonErrorCode))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// The path is missing. 404.
    FileNotFound,
    /// The kernel refused. 403.
    FileAccessDenied,
    /// An empty path, or a directory or special file where a file is meant. 400.
    InvalidFilePath,
    /// Any other error while reading a file. 500.
    FileReadFailed,
    /// `execute` or `code-run` ran into its limit of time. 408.
    ProcessExecutionTimeout,
    /// No such terminal or interpreter context. 404.
    ProcessNotFound,
    /// The session's shell has exited, or the terminal is gone. 410.
    SessionEnded,
    /// Input for a command that has finished or takes none. 410.
    CommandAlreadyCompleted,
    /// A language server that was not started. 400.
    LspServerNotInitialized,
    /// A remote needs or refuses credentials. 401.
    GitAuthFailed,
    /// No repository at the path, or the remote has none. 404.
    GitRepoNotFound,
    /// The branch that a request names does not exist. 404.
    GitBranchNotFound,
    /// The branch to be made is there. 409.
    GitBranchExists,
    /// A push that is not a fast-forward. 409.
    GitPushRejected,
    /// Local changes would be overwritten. 409.
    GitDirtyWorktree,
    /// A pull that is not a fast-forward. 409.
    GitMergeConflict,
    /// Name resolution, connection, TLS, a remote that hangs up. 502.
    GitTransportFailed,
    /// A hook or a protection rule of the remote refuses a push. 422.
    GitRemoteRejected,
    /// Generic. 400.
    BadRequest,
    /// The body is not what the operation takes. 400.
    InvalidRequestBody,
    /// Generic. 403.
    Forbidden,
    /// Generic. 404.
    NotFound,
    /// Generic. 409.
    Conflict,
    /// Generic. 422.
    UnprocessableEntity,
    /// Generic. 500.
    InternalServerError,
    /// A server inside the sandbox does not answer as it should. 502. Ours: clients go by the status.
    BadGateway,
}

impl ErrorCode {
    /// The HTTP status that goes with the code.
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidFilePath
            | Self::LspServerNotInitialized
            | Self::BadRequest
            | Self::InvalidRequestBody => 400,
            Self::GitAuthFailed => 401,
            Self::FileAccessDenied | Self::Forbidden => 403,
            Self::FileNotFound
            | Self::ProcessNotFound
            | Self::NotFound
            | Self::GitRepoNotFound
            | Self::GitBranchNotFound => 404,
            Self::ProcessExecutionTimeout => 408,
            Self::Conflict
            | Self::GitBranchExists
            | Self::GitPushRejected
            | Self::GitDirtyWorktree
            | Self::GitMergeConflict => 409,
            Self::SessionEnded | Self::CommandAlreadyCompleted => 410,
            Self::UnprocessableEntity | Self::GitRemoteRejected => 422,
            Self::FileReadFailed | Self::InternalServerError => 500,
            Self::GitTransportFailed | Self::BadGateway => 502,
        }
    }

    /// What the reference puts before the message of a generic code, and people match on. Specific
    /// codes carry the bare text.
    pub const fn message_prefix(self) -> &'static str {
        match self {
            Self::BadRequest => "bad request: ",
            Self::InvalidRequestBody => "invalid body request: ",
            Self::Forbidden => "forbidden: ",
            Self::NotFound => "not found: ",
            Self::Conflict => "conflict: ",
            Self::UnprocessableEntity => "unprocessable entity: ",
            Self::InternalServerError => "internal server error: ",
            Self::BadGateway
            | Self::FileNotFound
            | Self::FileAccessDenied
            | Self::InvalidFilePath
            | Self::FileReadFailed
            | Self::LspServerNotInitialized
            | Self::ProcessNotFound
            | Self::ProcessExecutionTimeout
            | Self::SessionEnded
            | Self::CommandAlreadyCompleted
            | Self::GitAuthFailed
            | Self::GitRepoNotFound
            | Self::GitBranchNotFound
            | Self::GitBranchExists
            | Self::GitPushRejected
            | Self::GitDirtyWorktree
            | Self::GitMergeConflict
            | Self::GitTransportFailed
            | Self::GitRemoteRejected => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_spelled_as_the_clients_know_them() {
        let spelled = |code| serde_json::to_value(code).unwrap();
        assert_eq!(spelled(ErrorCode::FileNotFound), "FILE_NOT_FOUND");
        assert_eq!(spelled(ErrorCode::FileAccessDenied), "FILE_ACCESS_DENIED");
        assert_eq!(spelled(ErrorCode::InvalidFilePath), "INVALID_FILE_PATH");
        assert_eq!(spelled(ErrorCode::FileReadFailed), "FILE_READ_FAILED");
        assert_eq!(spelled(ErrorCode::ProcessExecutionTimeout), "PROCESS_EXECUTION_TIMEOUT");
        assert_eq!(spelled(ErrorCode::ProcessNotFound), "PROCESS_NOT_FOUND");
        assert_eq!(spelled(ErrorCode::SessionEnded), "SESSION_ENDED");
        assert_eq!(spelled(ErrorCode::CommandAlreadyCompleted), "COMMAND_ALREADY_COMPLETED");
        assert_eq!(spelled(ErrorCode::GitAuthFailed), "GIT_AUTH_FAILED");
        assert_eq!(spelled(ErrorCode::GitRepoNotFound), "GIT_REPO_NOT_FOUND");
        assert_eq!(spelled(ErrorCode::GitBranchNotFound), "GIT_BRANCH_NOT_FOUND");
        assert_eq!(spelled(ErrorCode::GitBranchExists), "GIT_BRANCH_EXISTS");
        assert_eq!(spelled(ErrorCode::GitPushRejected), "GIT_PUSH_REJECTED");
        assert_eq!(spelled(ErrorCode::GitDirtyWorktree), "GIT_DIRTY_WORKTREE");
        assert_eq!(spelled(ErrorCode::GitMergeConflict), "GIT_MERGE_CONFLICT");
        assert_eq!(spelled(ErrorCode::GitTransportFailed), "GIT_TRANSPORT_FAILED");
        assert_eq!(spelled(ErrorCode::GitRemoteRejected), "GIT_REMOTE_REJECTED");
        assert_eq!(spelled(ErrorCode::InvalidRequestBody), "INVALID_REQUEST_BODY");
        assert_eq!(spelled(ErrorCode::InternalServerError), "INTERNAL_SERVER_ERROR");
    }

    #[test]
    fn absent_fields_are_left_out_of_the_body() {
        let body = ErrorBody {
            status_code: 404,
            message: "not found: x".to_owned(),
            code: None,
            source: None,
            timestamp: "2026-06-12T15:14:13Z".to_owned(),
            path: "/x".to_owned(),
            method: None,
        };
        assert_eq!(
            serde_json::to_string(&body).unwrap(),
            r#"{"statusCode":404,"message":"not found: x","timestamp":"2026-06-12T15:14:13Z","path":"/x"}"#
        );
    }
}
