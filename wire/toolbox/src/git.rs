//! Git: the bodies of the twenty operations.
//!
//! Every `path` is the repository's directory; a relative one is in the work directory. Credentials
//! are a user name and a password together; one without the other is ignored.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A text that no log and no debug output shows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// Body of `POST /git/clone`. Source: `GitCloneRequest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GitCloneRequest {
    /// Without a scheme `https://` is put in front.
    pub url: String,
    /// Where the repository goes; parents are made.
    pub path: String,
    /// Absent: the remote's own choice.
    #[serde(default)]
    pub branch: Option<String>,
    /// Checked out after the clone, HEAD detached.
    #[serde(default)]
    pub commit_id: Option<String>,
    #[serde(default)]
    pub username: Option<Secret>,
    #[serde(default)]
    pub password: Option<Secret>,
    /// Absent: false.
    #[serde(default)]
    pub insecure_skip_tls: Option<bool>,
    /// How many commits deep; absent, zero and negative mean all.
    #[serde(default)]
    pub depth: Option<i64>,
}

/// Body of `POST /git/add`. Source: `GitAddRequest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GitAddRequest {
    pub path: String,
    /// Relative to the repository; `.` is everything, deletions included.
    pub files: Vec<String>,
}

/// Body of `POST /git/commit`. Source: `GitCommitRequest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GitCommitRequest {
    pub path: String,
    pub message: String,
    /// A name, of the author and the committer.
    pub author: String,
    pub email: String,
    #[serde(default)]
    pub allow_empty: Option<bool>,
}

/// Answer of `POST /git/commit`. Source: `GitCommitResponse`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GitCommitResponse {
    /// In hexadecimal: 40 digits, 64 in a repository with SHA-256.
    pub hash: String,
}

/// Body of `POST /git/push`. Source: `GitPushRequest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GitPushRequest {
    pub path: String,
    #[serde(default)]
    pub username: Option<Secret>,
    #[serde(default)]
    pub password: Option<Secret>,
    /// Absent: the current one.
    #[serde(default)]
    pub branch: Option<String>,
    /// Absent: `origin`.
    #[serde(default)]
    pub remote: Option<String>,
    /// Records the pushed branch as upstream, also when there was nothing to push.
    #[serde(default)]
    pub set_upstream: Option<bool>,
}

/// Body of `POST /git/pull`. Source: `GitPullRequest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GitPullRequest {
    pub path: String,
    #[serde(default)]
    pub username: Option<Secret>,
    #[serde(default)]
    pub password: Option<Secret>,
    /// Absent: the upstream of the current one, else the same name.
    #[serde(default)]
    pub branch: Option<String>,
    /// Absent: the upstream's, else `origin`.
    #[serde(default)]
    pub remote: Option<String>,
}

/// Body of `POST` and `DELETE /git/branches`. Source: `GitBranchRequest`, `GitDeleteBranchRequest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GitBranchRequest {
    pub path: String,
    pub name: String,
}

/// Body of `POST /git/checkout`. Source: `GitCheckoutRequest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GitCheckoutRequest {
    pub path: String,
    /// A branch, or any revision.
    pub branch: String,
}

/// Body of `POST /git/init`. Source: `GitInitRequest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GitInitRequest {
    pub path: String,
    #[serde(default)]
    pub bare: Option<bool>,
    /// Absent: what the configuration says, else `master`.
    #[serde(default)]
    pub initial_branch: Option<String>,
}

/// Body of `POST /git/reset`. Source: `GitResetRequest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GitResetRequest {
    pub path: String,
    /// `soft`, `mixed` (also if absent), `hard`, `merge` or `keep`.
    #[serde(default)]
    pub mode: Option<String>,
    /// Any revision; absent: `HEAD`.
    #[serde(default)]
    pub target: Option<String>,
    /// Limits a mixed reset to these; absent and empty mean no limit.
    #[serde(default)]
    pub files: Option<Vec<String>>,
}

/// Body of `POST /git/restore`. Source: `GitRestoreRequest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GitRestoreRequest {
    pub path: String,
    /// Files or directories, at least one.
    pub files: Vec<String>,
    #[serde(default)]
    pub staged: Option<bool>,
    /// Absent: true if `staged` is absent too, else false.
    #[serde(default)]
    pub worktree: Option<bool>,
    /// A revision; absent: HEAD for the index, the index for the worktree.
    #[serde(default)]
    pub source: Option<String>,
}

/// Body of `POST /git/remotes`. Source: `GitAddRemoteRequest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GitAddRemoteRequest {
    pub path: String,
    pub name: String,
    pub url: String,
    /// Fetch right away; the remote stays if that fails.
    #[serde(default)]
    pub fetch: Option<bool>,
    /// Replace one of that name.
    #[serde(default)]
    pub overwrite: Option<bool>,
}

/// The query of `GET /git/config`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitGetConfigRequest {
    /// `section.name` or `section.subsection.name`.
    pub key: String,
    /// `global` (also if absent), `local` or `system`.
    #[serde(default)]
    pub scope: Option<String>,
    /// The repository, needed for `local`.
    #[serde(default)]
    pub path: Option<String>,
}

/// Body of `POST /git/config`. Source: `GitSetConfigRequest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GitSetConfigRequest {
    pub key: String,
    pub value: String,
    /// As in [`GitGetConfigRequest::scope`].
    #[serde(default)]
    pub scope: Option<String>,
    #[serde(default)]
    pub path: Option<String>,
}

/// Body of `POST /git/config/user`. Source: `GitConfigureUserRequest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GitConfigureUserRequest {
    pub name: String,
    pub email: String,
    /// As in [`GitGetConfigRequest::scope`].
    #[serde(default)]
    pub scope: Option<String>,
    #[serde(default)]
    pub path: Option<String>,
}

/// Answer of `GET /git/config`. Source: `GitConfigResponse`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GitConfigResponse {
    /// Left out if it is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// Body of `POST /git/credentials`. Source: `GitAuthenticateRequest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GitAuthenticateRequest {
    pub username: Secret,
    pub password: Secret,
    /// With a port if it is not the protocol's own. Absent: `github.com`.
    #[serde(default)]
    pub host: Option<String>,
    /// Absent: `https`.
    #[serde(default)]
    pub protocol: Option<String>,
}

/// Answer of `GET /git/branches`. Source: `ListBranchResponse`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ListBranchResponse {
    /// Local short names, ordered; `[]` before the first commit.
    pub branches: Vec<String>,
    /// Empty when HEAD is detached; the unborn branch's name before the first commit. Left out for
    /// clients that refuse new fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
}

/// Answer of `GET /git/remotes`. Source: `ListRemotesResponse`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ListRemotesResponse {
    /// Ordered by name.
    pub remotes: Vec<GitRemote>,
}

/// One remote. Source: `GitRemote`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GitRemote {
    pub name: String,
    /// Its first, without a password.
    pub url: String,
}

/// One of the elements of `GET /git/history`. Source: `GitCommitInfo`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GitCommitInfo {
    pub hash: String,
    pub author: String,
    pub email: String,
    /// The whole text.
    pub message: String,
    /// The author's, RFC 3339 with the author's offset.
    pub timestamp: String,
}

/// Answer of `GET /git/status`. Source: `GitStatus`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct GitStatus {
    /// The short name, also of an unborn branch; `HEAD` when detached.
    pub current_branch: String,
    /// What has changed and what is untracked, ordered by name.
    pub file_status: Vec<FileStatus>,
    /// Commits that the upstream lacks; 0 without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<u64>,
    /// Commits that only the upstream has; 0 without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<u64>,
    /// Whether the branch has an upstream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch_published: Option<bool>,
    /// Left out for clients that refuse new fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detached: Option<bool>,
    /// Such as `origin/main`; empty without one. Left out for clients that refuse new fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
}

/// One file that is not as it was committed. Source: `FileStatus`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FileStatus {
    /// Relative to the repository, with slashes. Bytes that are no text are U+FFFD.
    pub name: String,
    /// The old name of a staged rename, else empty.
    pub extra: String,
    /// The index against HEAD.
    pub staging: ChangeStatus,
    /// The worktree against the index.
    pub worktree: ChangeStatus,
}

/// How a file has changed. Source: `Status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Status))]
pub enum ChangeStatus {
    Unmodified,
    Untracked,
    Modified,
    Added,
    Deleted,
    Renamed,
    Copied,
    #[serde(rename = "Updated but unmerged")]
    Unmerged,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_spelled_as_the_clients_know_it() {
        let status = GitStatus {
            current_branch: "main".to_owned(),
            file_status: vec![FileStatus {
                name: "b".to_owned(),
                extra: "a".to_owned(),
                staging: ChangeStatus::Renamed,
                worktree: ChangeStatus::Unmerged,
            }],
            ahead: Some(1),
            behind: Some(0),
            branch_published: Some(true),
            detached: None,
            upstream: None,
        };
        assert_eq!(
            serde_json::to_string(&status).unwrap(),
            r#"{"currentBranch":"main","fileStatus":[{"name":"b","extra":"a","staging":"Renamed","worktree":"Updated but unmerged"}],"ahead":1,"behind":0,"branchPublished":true}"#
        );
    }

    #[test]
    fn secrets_are_not_shown_by_debug_output() {
        let text = r#"{"username":"u","password":"hunter2"}"#;
        let request: GitAuthenticateRequest = serde_json::from_str(text).unwrap();
        assert!(!format!("{request:?}").contains("hunter2"));
        assert_eq!(request.host, None);
    }

    #[test]
    fn null_means_not_given() {
        let text = r#"{"url":"u","path":"p","branch":null,"depth":null,"insecure_skip_tls":null,"x":1}"#;
        let request: GitCloneRequest = serde_json::from_str(text).unwrap();
        assert_eq!((request.branch, request.depth, request.insecure_skip_tls), (None, None, None));
    }
}
