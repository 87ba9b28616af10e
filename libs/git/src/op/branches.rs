//! `GET`, `POST` and `DELETE /git/branches`.

use std::path::Path;

use git2::{BranchType, ErrorCode as GitCode, Repository};
use paddock_wire_toolbox::{ErrorCode, GitBranchRequest, GitPath, ListBranchResponse};

use super::head::{Head, check_branch_name, commit};
use crate::answer::Answer;
use crate::failure::Failure;
use crate::program::Program;
use crate::repository::{Engine, Plan, engine};

/// Local branches, ordered by name, and which is checked out.
pub(super) fn list(request: &GitPath, closed: bool) -> Result<Answer, Failure> {
    let (mut branches, current) = match engine(Path::new(&request.path), &Plan::default())? {
        Engine::Library(repository) => {
            let mut names = Vec::new();
            for branch in repository.branches(Some(BranchType::Local))? {
                names.push(String::from_utf8_lossy(branch?.0.name_bytes()?).into_owned());
            }
            (names, Head::of(&repository)?.branch().map(str::to_owned))
        }
        Engine::Program(program) => {
            let output = program.run(["for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads"])?;
            let names = String::from_utf8_lossy(&output).lines().map(str::to_owned).collect();
            (names, current_branch(&program))
        }
    };
    branches.sort();
    let current = (!closed).then(|| current.unwrap_or_default());
    Answer::json(&ListBranchResponse { branches, current })
}

/// The branch that HEAD is on, born or not; `None` when detached.
pub(super) fn current_branch(program: &Program) -> Option<String> {
    let name = program.line(["symbolic-ref", "--quiet", "HEAD"]).ok()?;
    Some(name.strip_prefix("refs/heads/").unwrap_or(&name).to_owned())
}

/// Makes a branch where HEAD is and checks it out. Nothing in the worktree changes.
pub(super) fn create(request: &GitBranchRequest) -> Result<Answer, Failure> {
    let name = &request.name;
    check_branch_name(name)?;
    let exists =
        || Failure::new(ErrorCode::GitBranchExists, format!("a branch named {name:?} already exists"));
    let plan = Plan { hooks: &["post-checkout"], ..Plan::default() };
    match engine(Path::new(&request.path), &plan)? {
        Engine::Library(repository) => {
            let reference = format!("refs/heads/{name}");
            if let Some(other) = in_the_way(&repository, name)? {
                return Err(Failure::new(
                    ErrorCode::GitBranchExists,
                    format!("a branch named {other:?} already exists, and one cannot be below the other"),
                ));
            }
            match commit(&repository)? {
                Some(commit) => match repository.branch(name, &commit, false) {
                    Ok(_) => {}
                    Err(error) if error.code() == GitCode::Exists => return Err(exists()),
                    Err(error) => return Err(error.into()),
                },
                // Before the first commit there is only a name to change.
                None if repository.find_reference(&reference).is_ok() => return Err(exists()),
                None => {}
            }
            repository.set_head(&reference)?;
        }
        Engine::Program(program) => {
            if has_branch(&program, name) {
                return Err(exists());
            }
            program.run(["checkout", "--quiet", "-b", name])?;
        }
    }
    Ok(Answer::Empty)
}

/// A branch that is above or below this name.
fn in_the_way(repository: &Repository, name: &str) -> Result<Option<String>, Failure> {
    for branch in repository.branches(Some(BranchType::Local))? {
        let branch = branch?.0;
        let other = String::from_utf8_lossy(branch.name_bytes()?).into_owned();
        let is_below =
            |below: &str, above: &str| below.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'));
        if is_below(name, &other) || is_below(&other, name) {
            return Ok(Some(other));
        }
    }
    Ok(None)
}

/// Deletes a branch, merged or not, that is not checked out.
pub(super) fn delete(request: &GitBranchRequest) -> Result<Answer, Failure> {
    let name = &request.name;
    let unknown = || Failure::new(ErrorCode::GitBranchNotFound, format!("no branch named {name:?}"));
    let is_current = || Failure::conflict(format!("the branch {name:?} is checked out"));
    let plan = Plan { hooks: &["reference-transaction"], ..Plan::default() };
    match engine(Path::new(&request.path), &plan)? {
        Engine::Library(repository) => {
            let mut branch = match repository.find_branch(name, BranchType::Local) {
                Ok(branch) => branch,
                Err(error) if matches!(error.code(), GitCode::NotFound | GitCode::InvalidSpec) => {
                    return Err(unknown());
                }
                Err(error) => return Err(error.into()),
            };
            if is_checked_out(&repository, name)? {
                return Err(is_current());
            }
            branch.delete()?;
        }
        Engine::Program(program) => {
            if check_branch_name(name).is_err() || !has_branch(&program, name) {
                return Err(unknown());
            }
            program.run(["branch", "--quiet", "-D", "--", name]).map_err(|failure| {
                let is_in_use = ["checked out at", "used by worktree at"];
                if is_in_use.iter().any(|words| failure.message.contains(words)) {
                    is_current()
                } else {
                    failure
                }
            })?;
        }
    }
    Ok(Answer::Empty)
}

pub(super) fn has_branch(program: &Program, name: &str) -> bool {
    program.run(["show-ref", "--verify", "--quiet", &format!("refs/heads/{name}")]).is_ok()
}

/// Whether a branch is checked out here or in another worktree of the repository.
pub(super) fn is_checked_out(repository: &Repository, name: &str) -> Result<bool, Failure> {
    if Head::of(repository)?.branch() == Some(name) && !repository.is_bare() {
        return Ok(true);
    }
    Ok(worktree_with(repository, name)?.is_some())
}

/// Another worktree that has this branch checked out.
pub(super) fn worktree_with(repository: &Repository, name: &str) -> Result<Option<String>, Failure> {
    for worktree in repository.worktrees()?.iter() {
        let Ok(Some(worktree)) = worktree else { continue };
        let other =
            repository.find_worktree(worktree).and_then(|found| Repository::open_from_worktree(&found));
        // One whose directory is gone has nothing checked out.
        let Ok(other) = other else { continue };
        let is_this = other.path() == repository.path();
        if !is_this && Head::of(&other).is_ok_and(|head| head.branch() == Some(name)) {
            return Ok(Some(worktree.to_owned()));
        }
    }
    Ok(None)
}
