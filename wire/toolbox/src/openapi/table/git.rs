//! Git.

use crate::openapi::operation::{Kind, Operation, delete, get, post};
use crate::{
    GitAddRemoteRequest, GitAddRequest, GitAuthenticateRequest, GitBranchRequest, GitCheckoutRequest,
    GitCloneRequest, GitCommitInfo, GitCommitRequest, GitCommitResponse, GitConfigResponse,
    GitConfigureUserRequest, GitInitRequest, GitPullRequest, GitPushRequest, GitResetRequest,
    GitRestoreRequest, GitSetConfigRequest, GitStatus, ListBranchResponse, ListRemotesResponse,
};

/// Of what works on a repository alone.
const LOCAL: &[u16] = &[400, 403, 404, 409, 500];
/// Of what only reads one.
const READING: &[u16] = &[400, 403, 404, 500];
/// Of what speaks to a remote.
const REMOTE: &[u16] = &[400, 401, 403, 404, 409, 422, 500, 502];

pub(super) fn operations() -> Vec<Operation> {
    let mut operations = work();
    operations.extend(branches());
    operations.extend(settings());
    operations
}

fn repository(operation: Operation) -> Operation {
    operation.needs("path", Kind::Text, "The repository's directory.")
}

fn work() -> Vec<Operation> {
    vec![
        post("CloneRepository", "/git/clone", "Clones a repository. What fails leaves nothing behind.")
            .takes::<GitCloneRequest>()
            .gives_nothing(200, "Cloned and checked out.")
            .refuses(REMOTE),
        post("InitRepository", "/git/init", "Makes a repository.")
            .takes::<GitInitRequest>()
            .gives_nothing(201, "It is there.")
            .refuses(LOCAL),
        repository(get("GetStatus", "/git/status", "The branch, and what is not as it was committed."))
            .gives::<GitStatus>(200, "Ignored files are left out.")
            .refuses(READING),
        post("AddFiles", "/git/add", "Puts files into the index.")
            .takes::<GitAddRequest>()
            .gives_nothing(200, "Added.")
            .refuses(LOCAL),
        post("CommitChanges", "/git/commit", "Commits the index.")
            .takes::<GitCommitRequest>()
            .gives::<GitCommitResponse>(200, "Committed.")
            .refuses(LOCAL),
        repository(get("GetCommitHistory", "/git/history", "The commits that lead to HEAD, newest first."))
            .gives_list::<GitCommitInfo>(200, "All of them.")
            .refuses(READING),
        post(
            "ResetChanges",
            "/git/reset",
            "Moves HEAD, and with it the index and the files as the mode says.",
        )
        .takes::<GitResetRequest>()
        .gives_nothing(200, "Reset.")
        .refuses(LOCAL),
        post("RestoreFiles", "/git/restore", "Gives files back the content that they had.")
            .takes::<GitRestoreRequest>()
            .gives_nothing(200, "Restored.")
            .refuses(LOCAL),
        post("PushChanges", "/git/push", "Pushes a branch to a remote.")
            .takes::<GitPushRequest>()
            .gives_nothing(200, "The remote has it.")
            .refuses(REMOTE),
        post("PullChanges", "/git/pull", "Fetches a branch and goes forward to it. Never merges.")
            .takes::<GitPullRequest>()
            .gives_nothing(200, "Here is what the remote has.")
            .refuses(REMOTE),
    ]
}

fn branches() -> Vec<Operation> {
    vec![
        repository(get("ListBranches", "/git/branches", "The local branches, by name."))
            .gives::<ListBranchResponse>(200, "None before the first commit.")
            .refuses(READING),
        post("CreateBranch", "/git/branches", "Makes a branch at HEAD.")
            .takes::<GitBranchRequest>()
            .gives_nothing(201, "Made, not checked out.")
            .refuses(LOCAL),
        delete("DeleteBranch", "/git/branches", "Removes a branch, merged or not, but not the current one.")
            .takes::<GitBranchRequest>()
            .gives_nothing(204, "Removed.")
            .refuses(LOCAL),
        post("CheckoutBranch", "/git/checkout", "Checks out a branch or any revision.")
            .takes::<GitCheckoutRequest>()
            .gives_nothing(200, "Checked out.")
            .refuses(LOCAL),
        repository(get("ListRemotes", "/git/remotes", "The remotes, by name."))
            .gives::<ListRemotesResponse>(200, "Addresses are shown without passwords.")
            .refuses(READING),
        post("AddRemote", "/git/remotes", "Adds a remote, and fetches from it if asked to.")
            .takes::<GitAddRemoteRequest>()
            .gives_nothing(201, "Added.")
            .refuses(REMOTE),
    ]
}

fn settings() -> Vec<Operation> {
    vec![
        get("GetGitConfig", "/git/config", "One setting.")
            .needs("key", Kind::Text, "`section.name` or `section.subsection.name`.")
            .may_have("path", Kind::Text, "The repository, for the scope `local`.")
            .may_have("scope", Kind::Text, "`global` (default), `local` or `system`.")
            .gives::<GitConfigResponse>(200, "Without a value if it is not set.")
            .refuses(READING),
        post("SetGitConfig", "/git/config", "Changes one setting.")
            .takes::<GitSetConfigRequest>()
            .gives_nothing(200, "Changed.")
            .refuses(LOCAL),
        post("ConfigureUser", "/git/config/user", "Sets the name and address of later commits.")
            .takes::<GitConfigureUserRequest>()
            .gives_nothing(200, "Set.")
            .refuses(LOCAL),
        post(
            "Authenticate",
            "/git/credentials",
            "Keeps credentials for a host in the user's credential file.",
        )
        .takes::<GitAuthenticateRequest>()
        .gives_nothing(200, "Kept, in clear, readable to the user alone.")
        .refuses(LOCAL),
    ]
}
