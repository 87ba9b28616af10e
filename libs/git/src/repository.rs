//! Opens a repository, and decides whether the library or the program works in it.
//!
//! The library does all it can. What it cannot is a [`Need`]: then the program does the whole
//! operation, and where the image has none, the need is the error. Silently leaving out a hook or a
//! filter would commit what its owner has forbidden, or a file in the wrong form.

use std::fmt;
use std::path::{Path, PathBuf};

use git2::{ErrorClass, ErrorCode as GitCode, Repository, RepositoryOpenFlags};
use paddock_wire_toolbox::ErrorCode;
use rustix::fs::{Access, access};

use crate::failure::Failure;
use crate::program::Program;
use crate::url::{self, Kind};

/// Who does the work.
pub(crate) enum Engine {
    Library(Repository),
    Program(Program),
}

/// What the library lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Need {
    /// The repository's format.
    Format(String),
    /// An enabled hook.
    Hook(&'static str),
    /// A configured filter that the repository's attributes use.
    Filter(String),
    /// Commits are to be signed.
    Signing,
    /// Only a part of the worktree is checked out.
    Sparse,
    /// An ssh URL.
    Ssh,
}

impl fmt::Display for Need {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format(format) => write!(formatter, "the repository's format ({format})"),
            Self::Hook(name) => write!(formatter, "the enabled hook {name}"),
            Self::Filter(name) => write!(formatter, "the filter {name} of its attributes"),
            Self::Signing => formatter.write_str("signing (commit.gpgSign)"),
            Self::Sparse => formatter.write_str("a sparse checkout"),
            Self::Ssh => formatter.write_str("an ssh URL"),
        }
    }
}

impl Need {
    /// The error where the image has no program.
    pub(crate) fn unmet(&self) -> Failure {
        let code =
            if *self == Self::Ssh { ErrorCode::GitTransportFailed } else { ErrorCode::UnprocessableEntity };
        Failure::new(code, format!("{self} needs the git program, which the image does not have"))
    }
}

/// What an operation is going to do, as far as the library may not be able to.
#[derive(Debug, Default)]
pub(crate) struct Plan<'a> {
    /// Hooks that it has to run.
    pub(crate) hooks: &'a [&'static str],
    /// Whether it moves content between the worktree and the object store.
    pub(crate) touches_worktree: bool,
    /// Whether it makes a commit.
    pub(crate) commits: bool,
    /// The URL that it speaks to.
    pub(crate) url: Option<&'a str>,
}

/// Whatever moves a reference runs this one.
const REFERENCE_HOOK: &str = "reference-transaction";

/// Opens the repository in this directory itself, not in one above it, and picks the one who works.
///
/// Whose the directory is does not matter: a user who names it means it.
pub(crate) fn engine(path: &Path, plan: &Plan<'_>) -> Result<Engine, Failure> {
    let need = match open(path)? {
        Opened::Known(repository) => match need(&repository, plan)? {
            None => return Ok(Engine::Library(repository)),
            Some(need) => need,
        },
        Opened::Foreign(need) => need,
    };
    Program::in_directory(path).map(Engine::Program).ok_or_else(|| need.unmet())
}

/// A repository that is there.
pub(crate) enum Opened {
    Known(Repository),
    /// The library does not know its format.
    Foreign(Need),
}

/// Opens, without a decision.
pub(crate) fn open(path: &Path) -> Result<Opened, Failure> {
    // The environment says where the configuration is; the daemon has taken out of it what would lead to
    // another repository.
    let flags = RepositoryOpenFlags::NO_SEARCH | RepositoryOpenFlags::FROM_ENV;
    match Repository::open_ext(path, flags, std::iter::empty::<&Path>()) {
        Ok(repository) => Ok(Opened::Known(repository)),
        Err(error) if error.code() == GitCode::NotFound => {
            Err(Failure::new(ErrorCode::GitRepoNotFound, format!("not a git repository: {}", path.display())))
        }
        Err(error) if error.class() == ErrorClass::Repository && error.message().contains("unsupported") => {
            Ok(Opened::Foreign(Need::Format(error.message().to_owned())))
        }
        Err(error) => Err(Failure::library(&error)),
    }
}

/// What the library lacks for `plan` in this repository.
fn need(repository: &Repository, plan: &Plan<'_>) -> Result<Option<Need>, Failure> {
    if plan.url.is_some_and(|url| url::kind(url) == Kind::Ssh) {
        return Ok(Some(Need::Ssh));
    }
    let config = repository.config()?;
    let is_set = |name| config.get_bool(name).unwrap_or(false);
    if plan.commits && is_set("commit.gpgsign") {
        return Ok(Some(Need::Signing));
    }
    if let Some(hook) = enabled_hook(repository, plan.hooks) {
        return Ok(Some(Need::Hook(hook)));
    }
    if plan.touches_worktree && !repository.is_bare() {
        if is_set("core.sparsecheckout") {
            return Ok(Some(Need::Sparse));
        }
        if let Err(error) = repository.index() {
            // Of another version, or with an extension that must be understood.
            return Ok(Some(Need::Format(error.message().to_owned())));
        }
        return filter_in_use(repository).map(|name| name.map(Need::Filter));
    }
    Ok(None)
}

/// The first of these hooks that git would run.
fn enabled_hook(repository: &Repository, hooks: &[&'static str]) -> Option<&'static str> {
    if hooks.is_empty() {
        return None;
    }
    let directory = match repository.config().and_then(|config| config.get_path("core.hookspath")) {
        Ok(path) => repository.workdir().unwrap_or_else(|| repository.path()).join(path),
        Err(_) => repository.commondir().join("hooks"),
    };
    hooks.iter().copied().chain([REFERENCE_HOOK]).find(|hook| {
        let file = directory.join(hook);
        file.is_file() && access(&file, Access::EXEC_OK).is_ok()
    })
}

/// The name of a filter that is configured and that some attributes of the repository ask for.
pub(crate) fn filter_in_use(repository: &Repository) -> Result<Option<String>, Failure> {
    let configured = configured_filters(repository)?;
    if configured.is_empty() {
        return Ok(None);
    }
    let used = |text: &[u8]| filter_of(&String::from_utf8_lossy(text), &configured);
    for file in attribute_files(repository)? {
        if let Some(name) = std::fs::read(file).ok().and_then(|text| used(&text)) {
            return Ok(Some(name));
        }
    }
    // Those that are not checked out.
    for entry in repository.index()?.iter().filter(|entry| is_attributes(&entry.path)) {
        if let Some(name) = repository.find_blob(entry.id).ok().and_then(|blob| used(blob.content())) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// The first of these filters that some attributes ask for.
fn filter_of(attributes: &str, configured: &[String]) -> Option<String> {
    attributes
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(|line| line.split_whitespace().skip(1))
        .filter_map(|word| word.strip_prefix("filter="))
        .find(|name| configured.iter().any(|known| known == name))
        .map(str::to_owned)
}

fn configured_filters(repository: &Repository) -> Result<Vec<String>, Failure> {
    let config = repository.config()?;
    let mut names = Vec::new();
    let mut entries = config.entries(Some("^filter\\..*\\.(clean|smudge|process)$"))?;
    while let Some(Ok(entry)) = entries.next() {
        if let Some((name, _)) =
            entry.name().ok().and_then(|name| name.strip_prefix("filter.")?.rsplit_once('.'))
        {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// The files of attributes outside the worktree and in it.
fn attribute_files(repository: &Repository) -> Result<Vec<PathBuf>, Failure> {
    let mut files = vec![repository.commondir().join("info/attributes")];
    let config = repository.config()?;
    files.extend(config.get_path("core.attributesfile").ok().or_else(|| {
        let xdg = std::env::var_os("XDG_CONFIG_HOME").filter(|xdg| !xdg.is_empty()).map(PathBuf::from);
        Some(
            xdg.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".config")))?
                .join("git/attributes"),
        )
    }));
    if let Some(workdir) = repository.workdir() {
        find_attributes(workdir, &mut files);
    }
    Ok(files)
}

/// Adds the files of attributes in a worktree, whether or not they are known to the index yet. What cannot
/// be read has none.
fn find_attributes(root: &Path, files: &mut Vec<PathBuf>) {
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let (name, kind) = (entry.file_name(), entry.file_type());
            if kind.is_ok_and(|kind| kind.is_dir()) && name != ".git" {
                directories.push(entry.path());
            } else if name == ".gitattributes" {
                files.push(entry.path());
            }
        }
    }
}

fn is_attributes(path: &[u8]) -> bool {
    path.rsplit(|&byte| byte == b'/').next() == Some(b".gitattributes")
}

/// A path in the repository.
pub(crate) fn path_of(bytes: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}
