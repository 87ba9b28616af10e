//! `POST /git/checkout`.

use std::path::Path;

use git2::{BranchType, Commit, Repository};
use paddock_wire_toolbox::{ErrorCode, GitCheckoutRequest};

use super::branches::{has_branch, worktree_with};
use super::head::{check_not_option, revision};
use super::switch::switch;
use crate::answer::Answer;
use crate::failure::Failure;
use crate::program::Program;
use crate::repository::{Engine, Plan, engine};

/// Checks out a local branch; else makes one of a remote's branch of that name, which becomes its
/// upstream; else detaches HEAD at a revision.
pub(super) fn checkout(request: &GitCheckoutRequest) -> Result<Answer, Failure> {
    let plan = Plan { hooks: &["post-checkout"], touches_worktree: true, ..Plan::default() };
    match engine(Path::new(&request.path), &plan)? {
        Engine::Library(repository) => with_library(&repository, &request.branch),
        Engine::Program(program) => with_program(&program, &request.branch),
    }?;
    Ok(Answer::Empty)
}

fn unknown(name: &str) -> Failure {
    Failure::new(ErrorCode::GitBranchNotFound, format!("no branch or revision {name:?}"))
}

fn with_library(repository: &Repository, name: &str) -> Result<(), Failure> {
    if repository.is_bare() {
        return Err(Failure::bare());
    }
    if name == "HEAD" && revision(repository, name)?.is_some() {
        return Ok(());
    }
    if let Ok(branch) = repository.find_branch(name, BranchType::Local) {
        let commit = branch.get().peel_to_commit()?;
        if let Some(worktree) = worktree_with(repository, name)? {
            return Err(Failure::conflict(format!("{name} is checked out in the worktree {worktree}")));
        }
        switch(repository, &commit)?;
        return Ok(repository.set_head(&format!("refs/heads/{name}"))?);
    }
    if let Some((upstream, commit)) = of_remote(repository, name)? {
        switch(repository, &commit)?;
        repository.branch(name, &commit, false)?.set_upstream(Some(&upstream))?;
        return Ok(repository.set_head(&format!("refs/heads/{name}"))?);
    }
    let commit = revision(repository, name)?.ok_or_else(|| unknown(name))?;
    switch(repository, &commit)?;
    Ok(repository.set_head_detached(commit.id())?)
}

/// The branch of that name that a remote has: of `origin` if it has one, else of the only remote that has.
fn of_remote<'a>(repository: &'a Repository, name: &str) -> Result<Option<(String, Commit<'a>)>, Failure> {
    let mut found = Vec::new();
    for remote in repository.remotes()?.iter() {
        let Ok(Some(remote)) = remote else { continue };
        let upstream = format!("{remote}/{name}");
        let Ok(branch) = repository.find_branch(&upstream, BranchType::Remote) else { continue };
        let is_origin = remote == "origin";
        found.push((upstream, branch.get().peel_to_commit()?));
        if is_origin {
            return Ok(found.pop());
        }
    }
    Ok(if found.len() == 1 { found.pop() } else { None })
}

fn with_program(program: &Program, name: &str) -> Result<(), Failure> {
    check_not_option(name).map_err(|_| unknown(name))?;
    let is_revision =
        || program.run(["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")]).is_ok();
    let arguments = if has_branch(program, name) || name == "HEAD" {
        vec!["checkout", "--quiet", name, "--"]
    } else if let Some(upstream) = &of_remote_with_program(program, name)? {
        program.run(["checkout", "--quiet", "--track", "-b", name, upstream])?;
        return Ok(());
    } else if is_revision() {
        vec!["checkout", "--quiet", "--detach", name, "--"]
    } else {
        return Err(unknown(name));
    };
    program.run(arguments)?;
    Ok(())
}

fn of_remote_with_program(program: &Program, name: &str) -> Result<Option<String>, Failure> {
    let remotes = program.run(["remote"])?;
    let mut found: Vec<String> = String::from_utf8_lossy(&remotes)
        .lines()
        .map(|remote| format!("{remote}/{name}"))
        .filter(|branch| {
            program.run(["show-ref", "--verify", "--quiet", &format!("refs/remotes/{branch}")]).is_ok()
        })
        .collect();
    let origin = format!("origin/{name}");
    if found.contains(&origin) {
        return Ok(Some(origin));
    }
    Ok(if found.len() == 1 { found.pop() } else { None })
}
