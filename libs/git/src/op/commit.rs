//! `POST /git/commit`.

use std::path::Path;

use git2::{Commit, Repository, Signature};
use paddock_wire_toolbox::{ErrorCode, GitCommitRequest, GitCommitResponse};

use super::head;
use crate::answer::Answer;
use crate::failure::Failure;
use crate::program::Program;
use crate::repository::{Engine, Plan, engine};

const HOOKS: &[&str] = &["pre-commit", "prepare-commit-msg", "commit-msg", "post-commit"];

/// Commits the index, and nothing but it. The author is the committer, the time now.
pub(super) fn commit(request: &GitCommitRequest) -> Result<Answer, Failure> {
    check(request)?;
    let plan = Plan { hooks: HOOKS, commits: true, ..Plan::default() };
    let hash = match engine(Path::new(&request.path), &plan)? {
        Engine::Library(mut repository) => with_library(&mut repository, request)?,
        Engine::Program(program) => with_program(&program, request)?,
    };
    Answer::json(&GitCommitResponse { hash })
}

fn check(request: &GitCommitRequest) -> Result<(), Failure> {
    for (what, text) in [("author", &request.author), ("email", &request.email)] {
        if text.trim().is_empty() || text.contains(['\0', '\n', '<', '>']) {
            return Err(Failure::bad_request(format!(
                "{what} is empty or has characters that git does not take"
            )));
        }
    }
    if request.message.contains('\0') {
        return Err(Failure::bad_request("the message has a NUL in it"));
    }
    Ok(())
}

fn with_library(repository: &mut Repository, request: &GitCommitRequest) -> Result<String, Failure> {
    if repository.is_bare() {
        return Err(Failure::bare());
    }
    let mut merged = Vec::new();
    if repository.state() == git2::RepositoryState::Merge {
        repository.mergehead_foreach(|id| {
            merged.push(*id);
            true
        })?;
    }
    let repository = &*repository;
    let mut index = repository.index()?;
    if index.has_conflicts() {
        return Err(Failure::conflict("there are unmerged files: resolve and add them first"));
    }
    let tree = repository.find_tree(index.write_tree()?)?;
    let mut parents: Vec<Commit<'_>> = head::commit(repository)?.into_iter().collect();
    let is_unchanged = match parents.first() {
        Some(parent) => parent.tree_id() == tree.id(),
        None => tree.is_empty(),
    };
    if is_unchanged && merged.is_empty() && !request.allow_empty.unwrap_or(false) {
        return Err(nothing_to_commit());
    }
    for id in merged {
        parents.push(repository.find_commit(id)?);
    }
    let signature = Signature::now(request.author.trim(), request.email.trim())?;
    let parents: Vec<&Commit<'_>> = parents.iter().collect();
    let id = repository.commit(Some("HEAD"), &signature, &signature, &request.message, &tree, &parents)?;
    // A commit ends a merge.
    repository.cleanup_state()?;
    Ok(id.to_string())
}

fn nothing_to_commit() -> Failure {
    Failure::conflict("nothing to commit: the index is as in the last commit")
}

fn with_program(program: &Program, request: &GitCommitRequest) -> Result<String, Failure> {
    let mut arguments = vec!["commit", "--quiet", "--file=-", "--cleanup=verbatim", "--allow-empty-message"];
    if request.allow_empty.unwrap_or(false) {
        arguments.push("--allow-empty");
    }
    let mut command = program.command(arguments);
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), request.author.trim());
        command.env(format!("GIT_{role}_EMAIL"), request.email.trim());
        command.env_remove(format!("GIT_{role}_DATE"));
    }
    let committed = program.run_command(command, request.message.as_bytes());
    committed.map_err(|failure| match failure.code {
        ErrorCode::Conflict if failure.message.contains("unmerged files") => failure,
        ErrorCode::Conflict if !failure.message.contains(".lock") => nothing_to_commit(),
        // A hook that says no says so in its own words.
        ErrorCode::InternalServerError => Failure { code: ErrorCode::UnprocessableEntity, ..failure },
        _ => failure,
    })?;
    program.line(["rev-parse", "HEAD"])
}
