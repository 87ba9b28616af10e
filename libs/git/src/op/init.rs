//! `POST /git/init`.

use git2::{ErrorCode as GitCode, Repository, RepositoryInitOptions};
use paddock_wire_toolbox::GitInitRequest;

use super::head::check_branch_name;
use crate::answer::Answer;
use crate::failure::Failure;

/// Makes a repository, with its directory and the directories above.
pub(super) fn init(request: &GitInitRequest) -> Result<Answer, Failure> {
    let mut options = RepositoryInitOptions::new();
    options.bare(request.bare.unwrap_or(false)).mkdir(true).mkpath(true).no_reinit(true);
    if let Some(branch) = request.initial_branch.as_deref().filter(|branch| !branch.is_empty()) {
        check_branch_name(branch)?;
        options.initial_head(branch);
    }
    match Repository::init_opts(&request.path, &options) {
        Ok(_) => Ok(Answer::Empty),
        Err(error) if error.code() == GitCode::Exists => {
            Err(Failure::conflict(format!("a repository already exists in {}", request.path)))
        }
        Err(error) => Err(error.into()),
    }
}
