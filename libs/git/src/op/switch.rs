//! Moving the worktree from one commit to another without losing anything.

use std::cell::RefCell;

use git2::build::CheckoutBuilder;
use git2::{CheckoutNotificationType, Commit, ErrorCode as GitCode, Repository};

use crate::failure::Failure;

/// How many files a refusal names.
const TOLD_FILES: usize = 10;

/// Makes the worktree and the index those of `commit`, where they are as HEAD has them; other changes
/// stay if the commits agree about the file.
///
/// # Errors
///
/// 409 if a change would be lost; then nothing has been done. HEAD is the caller's to move.
pub(super) fn switch(repository: &Repository, commit: &Commit<'_>) -> Result<(), Failure> {
    if repository.index()?.has_conflicts() {
        return Err(Failure::dirty("there are unmerged files: resolve and add them first"));
    }
    let in_the_way = RefCell::new(Vec::new());
    let mut options = CheckoutBuilder::new();
    options.safe().notify_on(CheckoutNotificationType::CONFLICT).notify(|_, path, _, _, _| {
        in_the_way.borrow_mut().extend(path.map(|path| path.display().to_string()));
        true
    });
    let done = repository.checkout_tree(commit.as_object(), Some(&mut options));
    drop(options);
    match done {
        Ok(()) => Ok(()),
        Err(error) if error.code() == GitCode::Conflict => Err(overwritten(&in_the_way.into_inner())),
        Err(error) => Err(error.into()),
    }
}

/// The refusal that names files.
pub(super) fn overwritten(files: &[String]) -> Failure {
    let mut told = files[..files.len().min(TOLD_FILES)].join(", ");
    if files.len() > TOLD_FILES {
        told.push_str(&format!(" and {} more", files.len() - TOLD_FILES));
    }
    Failure::dirty(format!("your local changes to these files would be overwritten: {told}"))
}
