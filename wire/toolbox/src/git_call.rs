//! What the daemon and its git helper, a process of the same program, say to each other.
//!
//! The daemon writes one [`GitCall`] as JSON on the helper's standard input and closes it. The helper
//! answers on its inherited descriptor: one line with a [`GitOutcome`], and after `done` the body of
//! the HTTP answer as it is to be sent, empty if it has none. Only with exit status 0 is it whole.

use serde::{Deserialize, Serialize};

use crate::{
    ErrorCode, GitAddRemoteRequest, GitAddRequest, GitAuthenticateRequest, GitBranchRequest,
    GitCheckoutRequest, GitCloneRequest, GitCommitRequest, GitConfigureUserRequest, GitGetConfigRequest,
    GitInitRequest, GitPullRequest, GitPushRequest, GitResetRequest, GitRestoreRequest, GitSetConfigRequest,
};

/// One operation. Paths in it are absolute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitCall {
    /// Whether the client refuses fields that it does not know.
    pub leave_out_new_fields: bool,
    pub operation: GitOperation,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GitOperation {
    Add(GitAddRequest),
    AddRemote(GitAddRemoteRequest),
    Branches(GitPath),
    Checkout(GitCheckoutRequest),
    /// Into a directory that is there and empty.
    Clone(GitCloneRequest),
    Commit(GitCommitRequest),
    ConfigureUser(GitConfigureUserRequest),
    CreateBranch(GitBranchRequest),
    DeleteBranch(GitBranchRequest),
    GetConfig(GitGetConfigRequest),
    History(GitPath),
    Init(GitInitRequest),
    Pull(GitPullRequest),
    Push(GitPushRequest),
    Remotes(GitPath),
    Reset(GitResetRequest),
    Restore(GitRestoreRequest),
    SetConfig(GitSetConfigRequest),
    Status(GitPath),
    StoreCredentials(GitAuthenticateRequest),
}

/// An operation that takes nothing but a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitPath {
    pub path: String,
}

/// How it went. The first line of the helper's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GitOutcome {
    Done,
    Failed {
        code: ErrorCode,
        /// Fit for users, without the prefix of the code and without credentials.
        message: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_comes_out_as_it_went_in() {
        let call = GitCall {
            leave_out_new_fields: true,
            operation: GitOperation::Push(GitPushRequest {
                path: "/r".to_owned(),
                username: Some(crate::Secret("u".to_owned())),
                password: Some(crate::Secret("p".to_owned())),
                branch: None,
                remote: None,
                set_upstream: Some(true),
            }),
        };
        let text = serde_json::to_string(&call).unwrap();
        assert_eq!(serde_json::from_str::<GitCall>(&text).unwrap(), call);
        assert!(!format!("{call:?}").contains("\"p\""));
    }
}
