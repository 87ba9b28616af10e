//! Where HEAD is, and what a text names.

use git2::{Commit, ErrorCode as GitCode, Repository};

use crate::failure::Failure;

/// Where HEAD is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Head {
    /// On a branch with commits; the short name.
    Branch(String),
    /// On a branch without any.
    Unborn(String),
    Detached,
}

impl Head {
    pub(super) fn of(repository: &Repository) -> Result<Self, Failure> {
        let head = repository.find_reference("HEAD")?;
        let Some(target) = head.symbolic_target_bytes() else { return Ok(Self::Detached) };
        let name =
            String::from_utf8_lossy(target.strip_prefix(b"refs/heads/").unwrap_or(target)).into_owned();
        match repository.head() {
            Ok(_) => Ok(Self::Branch(name)),
            Err(error) if error.code() == GitCode::UnbornBranch => Ok(Self::Unborn(name)),
            Err(error) => Err(error.into()),
        }
    }

    /// The branch's short name, born or not; `None` when detached.
    pub(super) fn branch(&self) -> Option<&str> {
        match self {
            Self::Branch(name) | Self::Unborn(name) => Some(name),
            Self::Detached => None,
        }
    }
}

/// HEAD's commit; `None` before the first.
pub(super) fn commit(repository: &Repository) -> Result<Option<Commit<'_>>, Failure> {
    match repository.head() {
        Ok(head) => Ok(Some(head.peel_to_commit()?)),
        Err(error) if matches!(error.code(), GitCode::UnbornBranch | GitCode::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The commit that a revision names, or `None` if it names nothing.
pub(super) fn revision<'a>(repository: &'a Repository, text: &str) -> Result<Option<Commit<'a>>, Failure> {
    if text.contains('\0') {
        return Ok(None);
    }
    match repository.revparse_single(text) {
        Ok(object) => match object.peel_to_commit() {
            Ok(commit) => Ok(Some(commit)),
            // A tree or a blob.
            Err(_) => Ok(None),
        },
        Err(error)
            if matches!(
                error.code(),
                GitCode::NotFound | GitCode::InvalidSpec | GitCode::Ambiguous | GitCode::UnbornBranch
            ) =>
        {
            Ok(None)
        }
        // What looks like no revision at all is told in many ways.
        Err(error) if error.class() == git2::ErrorClass::Invalid => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The same, and it has to be there: else 404.
pub(super) fn known_revision<'a>(repository: &'a Repository, text: &str) -> Result<Commit<'a>, Failure> {
    revision(repository, text)?.ok_or_else(|| Failure::not_found(format!("unknown revision: {text}")))
}

/// Refuses what is no name of a branch.
pub(super) fn check_branch_name(name: &str) -> Result<(), Failure> {
    if git2::Branch::name_is_valid(name).unwrap_or(false) && !name.starts_with('-') {
        return Ok(());
    }
    Err(Failure::bad_request(format!("not a name for a branch: {name:?}")))
}

/// A text that is handed to the program and must not be taken for an option.
pub(super) fn check_not_option(text: &str) -> Result<(), Failure> {
    if text.starts_with('-') || text.contains('\0') {
        return Err(Failure::not_found(format!("unknown revision: {text:?}")));
    }
    Ok(())
}
