//! Recognizing why git failed by what it says.

use paddock_wire_toolbox::ErrorCode;

/// Texts that must all occur, in lower case, and what they mean. The first line that matches counts.
const TABLE: &[(&[&str], ErrorCode)] = &[
    (&["authentication failed"], ErrorCode::GitAuthFailed),
    (&["invalid username or password"], ErrorCode::GitAuthFailed),
    (&["could not read username"], ErrorCode::GitAuthFailed),
    (&["could not read password"], ErrorCode::GitAuthFailed),
    (&["terminal prompts disabled"], ErrorCode::GitAuthFailed),
    (&["permission denied (publickey"], ErrorCode::GitAuthFailed),
    (&["the requested url returned error: 403"], ErrorCode::Forbidden),
    (&["remote: permission", "denied"], ErrorCode::Forbidden),
    (&["repository not found"], ErrorCode::GitRepoNotFound),
    (&["the requested url returned error: 404"], ErrorCode::GitRepoNotFound),
    (&["remote: not found"], ErrorCode::GitRepoNotFound),
    (&["access denied or repository not exported"], ErrorCode::GitRepoNotFound),
    (&["does not appear to be a git repository"], ErrorCode::GitRepoNotFound),
    (&["could not find repository at"], ErrorCode::GitRepoNotFound),
    (&["not a git repository"], ErrorCode::GitRepoNotFound),
    (&["fatal: repository '", "' does not exist"], ErrorCode::GitRepoNotFound),
    (&["remote branch", "not found in upstream"], ErrorCode::GitBranchNotFound),
    (&["couldn't find remote ref"], ErrorCode::NotFound),
    (&["src refspec", "does not match any"], ErrorCode::NotFound),
    (&["you are not currently on a branch"], ErrorCode::NotFound),
    (&["unknown revision or path not in the working tree"], ErrorCode::NotFound),
    (&["could not resolve 'head'"], ErrorCode::NotFound),
    (&["no such remote"], ErrorCode::NotFound),
    (&["non-fast-forward"], ErrorCode::GitPushRejected),
    (&["fetch first"], ErrorCode::GitPushRejected),
    (&["updates were rejected"], ErrorCode::GitPushRejected),
    (&["stale info"], ErrorCode::GitPushRejected),
    (&["would be overwritten by"], ErrorCode::GitDirtyWorktree),
    (&["please commit your changes or stash them"], ErrorCode::GitDirtyWorktree),
    (&["needs merge"], ErrorCode::GitDirtyWorktree),
    (&["you need to resolve your current index first"], ErrorCode::GitDirtyWorktree),
    (&["you have not concluded your merge"], ErrorCode::GitDirtyWorktree),
    (&["pulling is not possible because you have unmerged files"], ErrorCode::GitDirtyWorktree),
    (&["not uptodate. cannot"], ErrorCode::GitDirtyWorktree),
    (&["not possible to fast-forward"], ErrorCode::GitMergeConflict),
    (&["diverging branches"], ErrorCode::GitMergeConflict),
    (&["refusing to merge unrelated histories"], ErrorCode::GitMergeConflict),
    (&["[remote rejected]"], ErrorCode::GitRemoteRejected),
    (&["pre-receive hook declined"], ErrorCode::GitRemoteRejected),
    (&["protected branch"], ErrorCode::GitRemoteRejected),
    (&["committing is not possible because you have unmerged files"], ErrorCode::Conflict),
    (&["nothing to commit"], ErrorCode::Conflict),
    (&["nothing added to commit"], ErrorCode::Conflict),
    (&["no changes added to commit"], ErrorCode::Conflict),
    (&["is already checked out at"], ErrorCode::Conflict),
    (&["is already used by worktree at"], ErrorCode::Conflict),
    (&[".lock': file exists"], ErrorCode::Conflict),
    (&["another git process seems to be running"], ErrorCode::Conflict),
    (&["could not resolve host"], ErrorCode::GitTransportFailed),
    (&["connection refused"], ErrorCode::GitTransportFailed),
    (&["connection timed out"], ErrorCode::GitTransportFailed),
    (&["ssl certificate problem"], ErrorCode::GitTransportFailed),
    (&["the remote end hung up"], ErrorCode::GitTransportFailed),
    (&["could not read from remote repository"], ErrorCode::GitTransportFailed),
    (&["failed to connect"], ErrorCode::GitTransportFailed),
    (&["unable to access '"], ErrorCode::GitTransportFailed),
    (&["host key verification failed"], ErrorCode::GitTransportFailed),
    (&["cannot run ssh"], ErrorCode::GitTransportFailed),
    (&["early eof"], ErrorCode::GitTransportFailed),
    (&["no path specified; see"], ErrorCode::BadRequest),
    (&["strange hostname"], ErrorCode::BadRequest),
    (&["file name too long"], ErrorCode::BadRequest),
    (&["cannot lock ref", "exists; cannot create"], ErrorCode::GitBranchExists),
    (&["did not match any file"], ErrorCode::BadRequest),
    (&["must be run in a work tree"], ErrorCode::BadRequest),
    (&["permission denied"], ErrorCode::Forbidden),
    (&["read-only file system"], ErrorCode::Forbidden),
];

/// The code for what git says, or `None` if it says nothing that is known. The order is the table's,
/// not the text's.
pub(crate) fn cause(text: &str) -> Option<ErrorCode> {
    let text = text.to_lowercase();
    TABLE.iter().find(|(all, _)| all.iter().all(|words| text.contains(words))).map(|(_, code)| *code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_apart() {
        for (text, code) in [
            ("fatal: Authentication failed for 'https://x/'", ErrorCode::GitAuthFailed),
            (
                "fatal: could not read Username for 'https://x': terminal prompts disabled",
                ErrorCode::GitAuthFailed,
            ),
            ("error: The requested URL returned error: 403", ErrorCode::Forbidden),
            ("remote: Permission to a/b denied to c.", ErrorCode::Forbidden),
            ("fatal: '/x' does not appear to be a git repository", ErrorCode::GitRepoNotFound),
            ("error: src refspec x does not match any", ErrorCode::NotFound),
            (
                " ! [rejected] main -> main (non-fast-forward)\nerror: failed to push some refs",
                ErrorCode::GitPushRejected,
            ),
            (" ! [remote rejected] main -> main (pre-receive hook declined)", ErrorCode::GitRemoteRejected),
            (
                "error: Your local changes to the following files would be overwritten by merge",
                ErrorCode::GitDirtyWorktree,
            ),
            ("fatal: Not possible to fast-forward, aborting.", ErrorCode::GitMergeConflict),
            (
                "fatal: unable to access 'https://x/': Could not resolve host: x",
                ErrorCode::GitTransportFailed,
            ),
            ("fatal: Unable to create '/r/.git/index.lock': File exists.", ErrorCode::Conflict),
        ] {
            assert_eq!(cause(text), Some(code), "{text}");
        }
        assert_eq!(cause("error: failed to push some refs to 'x'"), None);
    }
}
