//! `POST /git/push`.

use std::cell::RefCell;
use std::path::Path;

use git2::{BranchType, PushOptions, RemoteCallbacks, Repository};
use paddock_wire_toolbox::{ErrorCode, GitPushRequest};

use super::branches::{current_branch, has_branch};
use super::head::{Head, check_branch_name};
use crate::answer::Answer;
use crate::credentials::Credentials;
use crate::failure::Failure;
use crate::program::{self, Program, cause};
use crate::repository::{Engine, Opened, Plan, engine, open};
use crate::settings::Settings;
use crate::transport::Session;
use crate::url::{self, Kind};

/// How much of what a remote says is told.
const TOLD_BYTES: usize = 4 << 10;

/// Pushes a branch to the same name, never by force. Up to date is a success.
pub(super) fn push(request: &GitPushRequest) -> Result<Answer, Failure> {
    let path = Path::new(&request.path);
    let remote = request.remote.as_deref().filter(|remote| !remote.is_empty()).unwrap_or("origin");
    let credentials = Credentials::of_call(request.username.as_ref(), request.password.as_ref());
    let url = remote_url(path, remote)?;
    // With the call's credentials no hook is run: it could read them.
    let hooks: &[&str] = if credentials.is_some() { &[] } else { &["pre-push"] };
    let engine = match engine(path, &Plan { hooks, url: url.as_deref(), ..Plan::default() })? {
        // The library's own way into a local repository runs none of its hooks.
        Engine::Library(repository) if url.as_deref().is_some_and(|url| url::kind(url) == Kind::Local) => {
            match Program::in_directory(path) {
                Some(program) => Engine::Program(program),
                None => Engine::Library(repository),
            }
        }
        engine => engine,
    };
    match engine {
        Engine::Library(repository) => with_library(&repository, request, remote, credentials),
        Engine::Program(program) => {
            with_program(&program.with_credentials(credentials.as_ref())?, request, remote, hooks)
        }
    }?;
    Ok(Answer::Empty)
}

/// The URL that a push goes to; `None` if only the program can say.
fn remote_url(path: &Path, remote: &str) -> Result<Option<String>, Failure> {
    let Opened::Known(repository) = open(path)? else { return Ok(None) };
    let remote = find_remote(&repository, remote)?;
    let url = remote.pushurl_bytes().unwrap_or(remote.url_bytes());
    Ok(Some(String::from_utf8_lossy(url).into_owned()))
}

/// A remote that has to be there: else 404.
pub(super) fn find_remote<'a>(repository: &'a Repository, name: &str) -> Result<git2::Remote<'a>, Failure> {
    repository.find_remote(name).map_err(|error| match error.code() {
        git2::ErrorCode::NotFound | git2::ErrorCode::InvalidSpec => {
            Failure::not_found(format!("no remote named {name:?}"))
        }
        _ => Failure::library(&error),
    })
}

fn unknown_branch(name: &str) -> Failure {
    Failure::new(ErrorCode::GitBranchNotFound, format!("no branch named {name:?}"))
}

fn with_library(
    repository: &Repository,
    request: &GitPushRequest,
    remote_name: &str,
    credentials: Option<Credentials>,
) -> Result<(), Failure> {
    let branch = match request.branch.as_deref().filter(|branch| !branch.is_empty()) {
        Some(branch) => branch.to_owned(),
        None => match Head::of(repository)? {
            Head::Branch(branch) => branch,
            Head::Unborn(branch) => {
                return Err(Failure::not_found(format!("{branch} has no commits to push")));
            }
            Head::Detached => return Err(detached()),
        },
    };
    if check_branch_name(&branch).is_err() || repository.find_branch(&branch, BranchType::Local).is_err() {
        return Err(unknown_branch(&branch));
    }
    let mut remote = find_remote(repository, remote_name)?;
    Session::check(&String::from_utf8_lossy(remote.pushurl_bytes().unwrap_or(remote.url_bytes())))?;
    let session = Session::start(Settings::of(&repository.config()?), credentials, false)?;

    let said = RefCell::new(String::new());
    let refused = RefCell::new(None);
    let mut callbacks = RemoteCallbacks::new();
    callbacks.sideband_progress(|text| {
        let mut said = said.borrow_mut();
        if said.len() < TOLD_BYTES {
            said.push_str(&String::from_utf8_lossy(text));
        }
        true
    });
    callbacks.push_update_reference(|_, status| {
        *refused.borrow_mut() = status.map(str::to_owned);
        Ok(())
    });
    let mut options = PushOptions::new();
    // One thread: the sandbox may have one core, and memory is per thread.
    options.remote_callbacks(callbacks).packbuilder_parallelism(1);
    let reference = format!("refs/heads/{branch}");
    let pushed = remote.push(&[format!("{reference}:{reference}")], Some(&mut options));
    drop(options);
    pushed.map_err(|error| session.explain(&error))?;
    if let Some(why) = refused.into_inner() {
        return Err(refusal(&why, &said.into_inner()));
    }
    if request.set_upstream.unwrap_or(false) {
        let mut config = repository.config()?.open_level(git2::ConfigLevel::Local)?;
        config.set_str(&format!("branch.{branch}.remote"), remote_name)?;
        config.set_str(&format!("branch.{branch}.merge"), &reference)?;
    }
    Ok(())
}

fn detached() -> Failure {
    Failure::not_found("you are not currently on a branch: HEAD is detached")
}

/// What the remote says of the reference, and of itself.
fn refusal(why: &str, said: &str) -> Failure {
    let said: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let code = match cause(why) {
        Some(ErrorCode::GitPushRejected) => ErrorCode::GitPushRejected,
        _ => ErrorCode::GitRemoteRejected,
    };
    let mut message = format!("the remote rejected the push: {why}");
    if !said.is_empty() {
        message = format!("{message}\n{}", said.join("\n"));
    }
    Failure::new(code, message)
}

fn with_program(
    program: &Program,
    request: &GitPushRequest,
    remote: &str,
    hooks: &[&str],
) -> Result<(), Failure> {
    let branch = match request.branch.as_deref().filter(|branch| !branch.is_empty()) {
        Some(branch) => branch.to_owned(),
        None => current_branch(program).ok_or_else(detached)?,
    };
    if check_branch_name(&branch).is_err() || !has_branch(program, &branch) {
        let is_current = request.branch.is_none();
        return Err(if is_current {
            Failure::not_found(format!("{branch} has no commits to push"))
        } else {
            unknown_branch(&branch)
        });
    }
    program::check_remote(program, remote)?;
    let mut arguments = vec!["push".to_owned(), "--porcelain".to_owned()];
    if request.set_upstream.unwrap_or(false) {
        arguments.push("--set-upstream".to_owned());
    }
    arguments.extend([
        "--".to_owned(),
        remote.to_owned(),
        format!("refs/heads/{branch}:refs/heads/{branch}"),
    ]);
    program.run(arguments).map_err(|failure| match failure.code {
        // What is left of a push that a hook of ours has stopped is its exit status.
        ErrorCode::InternalServerError if !hooks.is_empty() => {
            Failure { code: ErrorCode::UnprocessableEntity, ..failure }
        }
        _ => failure,
    })?;
    Ok(())
}
