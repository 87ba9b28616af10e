//! `POST /git/pull`.

use std::path::Path;

use git2::{Direction, Oid, Repository, RepositoryState};
use paddock_wire_toolbox::{ErrorCode, GitPullRequest};

use super::branches::current_branch;
use super::head::{Head, check_branch_name, commit};
use super::push::find_remote;
use super::switch::switch;
use crate::answer::Answer;
use crate::credentials::Credentials;
use crate::failure::Failure;
use crate::program::{Program, check_remote};
use crate::repository::{Engine, Opened, Plan, engine, open};
use crate::settings::Settings;
use crate::transport::Session;

/// Fetches a branch and moves the current one there, if that is all it takes. Up to date is a success.
pub(super) fn pull(request: &GitPullRequest) -> Result<Answer, Failure> {
    let path = Path::new(&request.path);
    let credentials = Credentials::of_call(request.username.as_ref(), request.password.as_ref());
    let url = match open(path)? {
        Opened::Known(repository) => {
            let source = Source::of(&repository, request)?;
            let url = find_remote(&repository, &source.remote)?.url_bytes().to_vec();
            Some(String::from_utf8_lossy(&url).into_owned())
        }
        Opened::Foreign(_) => None,
    };
    let hooks: &[&str] = if credentials.is_some() { &[] } else { &["post-merge"] };
    let plan = Plan { hooks, touches_worktree: true, url: url.as_deref(), ..Plan::default() };
    match engine(path, &plan)? {
        Engine::Library(repository) => with_library(&repository, request, credentials),
        Engine::Program(program) => with_program(&program.with_credentials(credentials.as_ref())?, request),
    }?;
    Ok(Answer::Empty)
}

/// What is pulled.
struct Source {
    remote: String,
    branch: String,
    /// Whether the request names the branch.
    is_named: bool,
}

impl Source {
    fn of(repository: &Repository, request: &GitPullRequest) -> Result<Self, Failure> {
        let head = Head::of(repository)?;
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let config = repository.config()?;
        let setting = |name: &str| {
            let branch = head.branch()?;
            config.get_string(&format!("branch.{branch}.{name}")).ok()
        };
        let named = given(&request.branch);
        let is_named = named.is_some();
        let remote = given(&request.remote);
        let upstream = || {
            // The upstream belongs to its own remote.
            let is_its_remote = remote.is_none() || remote == setting("remote");
            setting("merge").filter(|_| is_its_remote)
        };
        let branch = named
            .or_else(|| Some(upstream()?.strip_prefix("refs/heads/")?.to_owned()))
            .or_else(|| head.branch().map(str::to_owned))
            .ok_or_else(detached)?;
        if check_branch_name(&branch).is_err() {
            return Err(unknown_branch(&branch));
        }
        let remote = remote.or_else(|| setting("remote").filter(|remote| remote != "."));
        Ok(Self { remote: remote.unwrap_or_else(|| "origin".to_owned()), branch, is_named })
    }
}

fn detached() -> Failure {
    Failure::not_found("you are not currently on a branch: HEAD is detached, so branch is required")
}

fn unknown_branch(name: &str) -> Failure {
    Failure::new(ErrorCode::GitBranchNotFound, format!("the remote has no branch {name:?}"))
}

fn with_library(
    repository: &Repository,
    request: &GitPullRequest,
    credentials: Option<Credentials>,
) -> Result<(), Failure> {
    if repository.is_bare() {
        return Err(Failure::bare());
    }
    if repository.state() != RepositoryState::Clean {
        return Err(Failure::dirty("an operation such as a merge is not finished in this repository"));
    }
    let source = Source::of(repository, request)?;
    let there = fetch(repository, &source, credentials)?;
    let target = repository.find_commit(there)?;
    let Some(here) = commit(repository)?.map(|commit| commit.id()) else {
        switch(repository, &target)?;
        return move_head(repository, there);
    };
    if here == there || repository.graph_descendant_of(here, there)? {
        return Ok(());
    }
    if !repository.graph_descendant_of(there, here)? {
        return Err(Failure::new(
            ErrorCode::GitMergeConflict,
            format!(
                "not possible to fast-forward: {} and {}/{} have diverged",
                "HEAD", source.remote, source.branch
            ),
        ));
    }
    switch(repository, &target)?;
    move_head(repository, there)
}

/// Fetches the branch, with the tracking references that the remote's configuration has for it, and gives
/// back where it is.
fn fetch(repository: &Repository, source: &Source, credentials: Option<Credentials>) -> Result<Oid, Failure> {
    let mut remote = find_remote(repository, &source.remote)?;
    Session::check(&String::from_utf8_lossy(remote.url_bytes()))?;
    let session = Session::start(Settings::of(&repository.config()?), credentials, false)?;
    let reference = format!("refs/heads/{}", source.branch);
    let specs: Vec<String> = remote
        .refspecs()
        .filter(|spec| spec.direction() == Direction::Fetch && spec.src_matches(&reference))
        .filter_map(|spec| {
            let tracking = spec.transform(&reference).ok()?;
            Some(format!("+{reference}:{}", std::str::from_utf8(&tracking).ok()?))
        })
        .collect();
    let specs = if specs.is_empty() { vec![reference.clone()] } else { specs };

    remote.connect(Direction::Fetch).map_err(|error| session.explain(&error))?;
    let there = remote.list()?.iter().find(|head| head.name() == reference).map(git2::RemoteHead::oid);
    let there = there.ok_or_else(|| {
        if source.is_named {
            unknown_branch(&source.branch)
        } else {
            Failure::not_found(format!("the remote has no branch {:?}", source.branch))
        }
    })?;
    remote.fetch(&specs, None, Some("pull")).map_err(|error| session.explain(&error))?;
    Ok(there)
}

/// Moves the current branch, or HEAD itself when detached.
fn move_head(repository: &Repository, to: Oid) -> Result<(), Failure> {
    match Head::of(repository)?.branch() {
        Some(branch) => {
            repository.reference(&format!("refs/heads/{branch}"), to, true, "pull: Fast-forward")?;
        }
        None => repository.set_head_detached(to)?,
    }
    Ok(())
}

fn with_program(program: &Program, request: &GitPullRequest) -> Result<(), Failure> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let branch = current_branch(program);
    let setting = |name: &str| {
        let branch = branch.as_ref()?;
        program.line(["config", "--get", &format!("branch.{branch}.{name}")]).ok()
    };
    let own = setting("remote").filter(|remote| remote != ".");
    let remote = given(&request.remote).or_else(|| own.clone()).unwrap_or_else(|| "origin".to_owned());
    let upstream = setting("merge").filter(|_| own.is_none() || own.as_ref() == Some(&remote));
    let named = given(&request.branch);
    let wanted = named
        .clone()
        .or_else(|| Some(upstream?.strip_prefix("refs/heads/")?.to_owned()))
        .or(branch)
        .ok_or_else(detached)?;
    check_branch_name(&wanted).map_err(|_| unknown_branch(&wanted))?;
    check_remote(program, &remote)?;
    let pulled = program.run([
        "pull",
        "--quiet",
        "--ff-only",
        "--no-rebase",
        "--",
        &remote,
        &format!("refs/heads/{wanted}"),
    ]);
    pulled.map(drop).map_err(|failure| {
        let is_missing = failure.message.to_lowercase().contains("couldn't find remote ref");
        if is_missing && named.is_some() { unknown_branch(&wanted) } else { failure }
    })
}
