//! `POST /git/clone`.
//!
//! Into a directory that the daemon has made or found empty, and empties again if this fails or dies.

use std::path::Path;

use git2::build::CheckoutBuilder;
use git2::{AutotagOption, Direction, FetchOptions, Oid, Repository, RepositoryInitOptions};
use paddock_wire_toolbox::{ErrorCode, GitCloneRequest};

use super::head::{check_branch_name, check_not_option, revision};
use crate::answer::Answer;
use crate::credentials::Credentials;
use crate::failure::Failure;
use crate::program::Program;
use crate::repository::{Need, Opened, filter_in_use, open};
use crate::settings::Settings;
use crate::transport::Session;
use crate::url::{self, Kind};

const REMOTE: &str = "origin";

/// Clones one branch, and checks it or one commit out. Submodules are left out.
pub(super) fn clone(request: &GitCloneRequest) -> Result<Answer, Failure> {
    let given = request.url.trim();
    if given.is_empty() || given.contains(['\0', '\n']) || given.starts_with('-') {
        return Err(Failure::bad_request("url is empty or has characters that git does not take"));
    }
    let url = url::of_request(given);
    let branch = request.branch.as_deref().filter(|branch| !branch.is_empty());
    if let Some(branch) = branch {
        check_branch_name(branch).map_err(|_| unknown_branch(branch))?;
    }
    let clone = Clone {
        url: &url,
        path: Path::new(&request.path),
        branch,
        commit: request.commit_id.as_deref().filter(|commit| !commit.is_empty()),
        depth: request.depth.filter(|&depth| depth > 0).map(|depth| i32::try_from(depth).unwrap_or(i32::MAX)),
        credentials: Credentials::of_call(request.username.as_ref(), request.password.as_ref()),
        skip_tls_check: request.insecure_skip_tls.unwrap_or(false),
    };
    if let Some(commit) = clone.commit {
        check_not_option(commit)?;
    }
    // The library's own way through local paths knows no depth.
    let is_shallow_and_local = url::kind(&url) == Kind::Local && clone.depth.is_some();
    let program = match url::kind(&url) {
        Kind::Ssh => Some(Program::in_directory(clone.path).ok_or_else(|| Need::Ssh.unmet())?),
        _ if is_shallow_and_local => Program::in_directory(clone.path),
        _ => None,
    };
    match program {
        Some(program) => clone.with_program(program),
        None => clone.with_library(),
    }?;
    Ok(Answer::Empty)
}

fn unknown_branch(name: &str) -> Failure {
    Failure::new(ErrorCode::GitBranchNotFound, format!("the remote has no branch {name:?}"))
}

fn unknown_commit(commit: &str) -> Failure {
    Failure::not_found(format!("the remote has no commit {commit}"))
}

struct Clone<'a> {
    url: &'a str,
    path: &'a Path,
    branch: Option<&'a str>,
    commit: Option<&'a str>,
    depth: Option<i32>,
    credentials: Option<Credentials>,
    skip_tls_check: bool,
}

impl Clone<'_> {
    fn with_library(self) -> Result<(), Failure> {
        Session::check(self.url)?;
        let mut options = RepositoryInitOptions::new();
        drop(Repository::init_opts(self.path, options.no_reinit(true).mkdir(false))?);
        let Opened::Known(repository) = open(self.path)? else {
            return Err(Failure::internal("the new repository has a format that the library does not know"));
        };
        let session = Session::start(
            Settings::of(&repository.config()?),
            self.credentials.clone(),
            self.skip_tls_check,
        )?;

        // With a repository: without one, the library crashes over a remote whose HEAD is on no branch.
        let mut remote = repository.remote_anonymous(self.url)?;
        remote.connect(Direction::Fetch).map_err(|error| session.explain(&error))?;
        let (branch, tip) = self.choose_branch(&remote)?;
        remote.disconnect()?;
        let reference = format!("refs/heads/{branch}");
        let tracking = format!("refs/remotes/{REMOTE}/{branch}");
        let mut remote =
            repository.remote_with_fetch(REMOTE, self.url, &format!("+{reference}:{tracking}"))?;
        let mut fetch = self.fetch_options();
        remote
            .fetch::<&str>(
                &[],
                Some(&mut fetch),
                Some(&format!("clone: from {}", url::without_password(self.url))),
            )
            .map_err(|error| session.explain(&error))?;

        // It may have moved since it was listed.
        let tip = repository.refname_to_id(&tracking).unwrap_or(tip);
        repository.reference_symbolic(&format!("refs/remotes/{REMOTE}/HEAD"), &tracking, true, "clone")?;
        repository.reference(&reference, tip, true, "clone")?;
        repository.set_head(&reference)?;
        let mut config = repository.config()?.open_level(git2::ConfigLevel::Local)?;
        config.set_str(&format!("branch.{branch}.remote"), REMOTE)?;
        config.set_str(&format!("branch.{branch}.merge"), &reference)?;
        if let Some(commit) = self.commit {
            let id = self.find_commit(&repository, &session, commit)?;
            repository.set_head_detached(id)?;
        }
        self.check_out(&repository)
    }

    /// The branch that is asked for, or the remote's own choice, and where it is.
    fn choose_branch(&self, remote: &git2::Remote<'_>) -> Result<(String, Oid), Failure> {
        let heads = remote.list()?;
        if heads.is_empty() {
            return Err(Failure::not_found("the remote repository is empty"));
        }
        let at = |branch: &str| {
            let reference = format!("refs/heads/{branch}");
            heads.iter().find(|head| head.name() == reference).map(git2::RemoteHead::oid)
        };
        if let Some(branch) = self.branch {
            return at(branch).map(|tip| (branch.to_owned(), tip)).ok_or_else(|| unknown_branch(branch));
        }
        let default = remote.default_branch().ok();
        let default =
            default.as_ref().and_then(|name| std::str::from_utf8(name).ok()?.strip_prefix("refs/heads/"));
        default
            .and_then(|branch| Some((branch.to_owned(), at(branch)?)))
            .ok_or_else(|| Failure::not_found("the remote's HEAD is on no branch of it: branch is required"))
    }

    fn fetch_options(&self) -> FetchOptions<'static> {
        let mut options = FetchOptions::new();
        options.depth(self.depth.unwrap_or(0)).download_tags(AutotagOption::Auto);
        options
    }

    /// The commit; if it is not on the branch, it is fetched by its id, and failing that, with all branches.
    fn find_commit(&self, repository: &Repository, session: &Session, commit: &str) -> Result<Oid, Failure> {
        if let Some(found) = revision(repository, commit)? {
            return Ok(found.id());
        }
        let all = "+refs/heads/*:refs/paddock/clone/*".to_owned();
        let mut last = None;
        for spec in [(commit.len() == 40).then(|| commit.to_owned()), Some(all)].into_iter().flatten() {
            let mut remote = repository.remote_anonymous(self.url)?;
            let mut options = self.fetch_options();
            options.update_fetchhead(false).download_tags(AutotagOption::None);
            if let Err(error) = remote.fetch(&[spec], Some(&mut options), None) {
                last = Some(session.explain(&error));
            }
            let found = revision(repository, commit)?.map(|commit| commit.id());
            for reference in repository.references_glob("refs/paddock/clone/*")? {
                reference?.delete()?;
            }
            if let Some(found) = found {
                return Ok(found);
            }
        }
        // That an id alone cannot be asked for is no fault of the network.
        match last {
            Some(failure) if failure.code == ErrorCode::GitAuthFailed => Err(failure),
            _ => Err(unknown_commit(commit)),
        }
    }

    /// Writes the worktree: by the program, if a filter of the user's is to have a part in it.
    fn check_out(&self, repository: &Repository) -> Result<(), Failure> {
        let mut index = repository.index()?;
        index.read_tree(&repository.head()?.peel_to_tree()?)?;
        index.write()?;
        if let Some(name) = filter_in_use(repository)? {
            let need = Need::Filter(name);
            let program = Program::in_directory(self.path).ok_or_else(|| need.unmet())?;
            let program = program.with_credentials(self.credentials.as_ref())?;
            program
                .skipping_tls_check(self.skip_tls_check)
                .run(["checkout", "--quiet", "--force", "HEAD", "--"])?;
            return Ok(());
        }
        let mut options = CheckoutBuilder::new();
        repository.checkout_head(Some(options.force()))?;
        Ok(())
    }

    fn with_program(self, program: Program) -> Result<(), Failure> {
        let program =
            program.with_credentials(self.credentials.as_ref())?.skipping_tls_check(self.skip_tls_check);
        let mut arguments = vec!["clone".to_owned(), "--quiet".to_owned(), "--single-branch".to_owned()];
        if let Some(branch) = self.branch {
            arguments.push(format!("--branch={branch}"));
        }
        if let Some(depth) = self.depth {
            arguments.push(format!("--depth={depth}"));
        }
        if self.commit.is_some() {
            arguments.push("--no-checkout".to_owned());
        }
        // A plain path would be copied, and know no depth.
        let url =
            if self.url.starts_with('/') { format!("file://{}", self.url) } else { self.url.to_owned() };
        arguments.extend(["--".to_owned(), url, ".".to_owned()]);
        program.run(arguments)?;
        if program.run(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).is_err() {
            return Err(Failure::not_found("the remote repository is empty"));
        }
        let Some(commit) = self.commit else { return Ok(()) };
        let revision = format!("{commit}^{{commit}}");
        let is_there = || program.run(["rev-parse", "--verify", "--quiet", &revision]).is_ok();
        if !is_there() {
            // Some remotes give a commit by its id, some only with a branch.
            let _ = program.run(["fetch", "--quiet", REMOTE, commit]);
        }
        if !is_there() {
            program.run(["fetch", "--quiet", REMOTE, "+refs/heads/*:refs/paddock/clone/*"])?;
        }
        if !is_there() {
            return Err(unknown_commit(commit));
        }
        program.run(["checkout", "--quiet", "--detach", commit, "--"])?;
        let left = program.run(["for-each-ref", "--format=%(refname)", "refs/paddock/clone"])?;
        for reference in String::from_utf8_lossy(&left).lines() {
            program.run(["update-ref", "-d", reference])?;
        }
        Ok(())
    }
}
