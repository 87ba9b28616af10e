//! `GET` and `POST /git/remotes`.

use std::path::Path;

use git2::{Remote, Repository};
use paddock_wire_toolbox::{GitAddRemoteRequest, GitPath, GitRemote, ListRemotesResponse};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::program::Program;
use crate::repository::{Engine, Plan, engine};
use crate::settings::Settings;
use crate::transport::Session;
use crate::url;

/// All remotes, ordered by name, with the first URL of each and without passwords.
pub(super) fn list(request: &GitPath) -> Result<Answer, Failure> {
    let mut remotes = match engine(Path::new(&request.path), &Plan::default())? {
        Engine::Library(repository) => with_library(&repository)?,
        Engine::Program(program) => with_program(&program)?,
    };
    remotes.sort_by(|one, other| one.name.cmp(&other.name));
    Answer::json(&ListRemotesResponse { remotes })
}

fn remote(name: &str, url: &str) -> GitRemote {
    GitRemote { name: name.to_owned(), url: url::without_password(url) }
}

fn with_library(repository: &Repository) -> Result<Vec<GitRemote>, Failure> {
    let config = repository.config()?;
    let mut remotes = Vec::new();
    for name in repository.remotes()?.iter() {
        let Ok(Some(name)) = name else { continue };
        let mut urls = config.multivar(&format!("remote.{name}.url"), None)?;
        let first = urls.next().and_then(|entry| Some(entry.ok()?.value().ok()?.to_owned()));
        remotes.push(remote(name, &first.unwrap_or_default()));
    }
    Ok(remotes)
}

fn with_program(program: &Program) -> Result<Vec<GitRemote>, Failure> {
    let names = program.run(["remote"])?;
    let url =
        |name: &str| program.run(["config", "--get-all", &format!("remote.{name}.url")]).unwrap_or_default();
    Ok(String::from_utf8_lossy(&names)
        .lines()
        .map(|name| remote(name, String::from_utf8_lossy(&url(name)).lines().next().unwrap_or_default()))
        .collect())
}

/// Adds a remote, or replaces one, and fetches from it if asked.
pub(super) fn add(request: &GitAddRemoteRequest) -> Result<Answer, Failure> {
    let GitAddRemoteRequest { path, name, url, .. } = request;
    // The library's own check panics over a NUL.
    if name.contains('\0') || !Remote::is_valid_name(name) || name.starts_with('-') {
        return Err(Failure::bad_request(format!("not a name for a remote: {name:?}")));
    }
    if url.trim().is_empty() || url.contains(['\0', '\n']) || url.starts_with('-') {
        return Err(Failure::bad_request("url is empty or has characters that git does not take"));
    }
    let path = Path::new(path);
    let plan = Plan { url: request.fetch.unwrap_or(false).then_some(url), ..Plan::default() };
    match engine(path, &plan)? {
        Engine::Library(repository) => {
            add_with_library(&repository, request)?;
            if request.fetch.unwrap_or(false) {
                fetch(&repository, name)?;
            }
        }
        Engine::Program(program) => {
            add_with_program(&program, request)?;
            if request.fetch.unwrap_or(false) {
                program.run(["fetch", "--quiet", "--", name])?;
            }
        }
    }
    Ok(Answer::Empty)
}

fn exists(name: &str) -> Failure {
    Failure::conflict(format!("a remote named {name:?} already exists"))
}

fn add_with_library(repository: &Repository, request: &GitAddRemoteRequest) -> Result<(), Failure> {
    let GitAddRemoteRequest { name, url, .. } = request;
    let mut config = repository.config()?.open_level(git2::ConfigLevel::Local)?;
    let is_there =
        repository.remotes()?.iter().any(|known| matches!(known, Ok(Some(known)) if known == name));
    if is_there && !request.overwrite.unwrap_or(false) {
        return Err(exists(name));
    }
    if !is_there {
        repository.remote(name, url)?;
        return Ok(());
    }
    // Not deleted and made again: that would forget what was fetched and who tracks it.
    for key in ["url", "pushurl", "fetch"] {
        let key = format!("remote.{name}.{key}");
        if config.multivar(&key, None)?.next().is_some() {
            config.remove_multivar(&key, ".*")?;
        }
    }
    config.set_str(&format!("remote.{name}.url"), url)?;
    config.set_str(&format!("remote.{name}.fetch"), &format!("+refs/heads/*:refs/remotes/{name}/*"))?;
    Ok(())
}

fn add_with_program(program: &Program, request: &GitAddRemoteRequest) -> Result<(), Failure> {
    let GitAddRemoteRequest { name, url, .. } = request;
    let names = program.run(["remote"])?;
    if !String::from_utf8_lossy(&names).lines().any(|known| known == name) {
        program.run(["remote", "add", "--", name, url])?;
        return Ok(());
    }
    if !request.overwrite.unwrap_or(false) {
        return Err(exists(name));
    }
    for key in ["url", "pushurl", "fetch"] {
        // Fails if there is none.
        let _ = program.run(["config", "--unset-all", &format!("remote.{name}.{key}")]);
    }
    program.run(["config", &format!("remote.{name}.url"), url])?;
    program.run([
        "config",
        &format!("remote.{name}.fetch"),
        &format!("+refs/heads/*:refs/remotes/{name}/*"),
    ])?;
    Ok(())
}

fn fetch(repository: &Repository, name: &str) -> Result<(), Failure> {
    let mut remote = repository.find_remote(name)?;
    Session::check(&String::from_utf8_lossy(remote.url_bytes()))?;
    let session = Session::start(Settings::of(&repository.config()?), None, false)?;
    remote.fetch::<&str>(&[], None, None).map_err(|error| session.explain(&error))
}
