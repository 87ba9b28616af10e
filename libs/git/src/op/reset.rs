//! `POST /git/reset`.

use std::collections::BTreeSet;
use std::path::Path;

use git2::build::CheckoutBuilder;
use git2::{Commit, DiffOptions, Repository, ResetType};
use paddock_wire_toolbox::GitResetRequest;

use super::head::{Head, check_not_option, commit, known_revision};
use super::paths::RepoPath;
use super::restore::{of_tree, remove, set_index};
use super::switch::overwritten;
use crate::answer::Answer;
use crate::failure::Failure;
use crate::program::{Program, literal_paths};
use crate::repository::{Engine, Plan, engine, path_of};

/// How much is reset besides the branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Nothing.
    Soft,
    /// The index.
    Mixed,
    /// The index and the worktree, whatever was in them.
    Hard,
    /// Files that differ between the target and the index, unless they have unstaged changes.
    Merge,
    /// Files that differ between the target and HEAD, unless they have changes.
    Keep,
}

impl Mode {
    fn of(text: Option<&str>) -> Result<Self, Failure> {
        match text.unwrap_or_default() {
            "" | "mixed" => Ok(Self::Mixed),
            "soft" => Ok(Self::Soft),
            "hard" => Ok(Self::Hard),
            "merge" => Ok(Self::Merge),
            "keep" => Ok(Self::Keep),
            other => Err(Failure::bad_request(format!(
                "mode must be soft, mixed, hard, merge or keep, not {other:?}"
            ))),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Soft => "soft",
            Self::Mixed => "mixed",
            Self::Hard => "hard",
            Self::Merge => "merge",
            Self::Keep => "keep",
        }
    }
}

/// Moves the branch, or limits itself to the index entries of some files.
pub(super) fn reset(request: &GitResetRequest) -> Result<Answer, Failure> {
    let mode = Mode::of(request.mode.as_deref())?;
    let target = request.target.as_deref().filter(|target| !target.is_empty()).unwrap_or("HEAD");
    let files = request.files.as_deref().unwrap_or_default();
    if !files.is_empty() && mode != Mode::Mixed {
        return Err(Failure::bad_request(format!("cannot do a {} reset with paths", mode.name())));
    }
    let root = Path::new(&request.path);
    let touches_worktree = mode != Mode::Soft;
    match engine(root, &Plan { hooks: &["reference-transaction"], touches_worktree, ..Plan::default() })? {
        Engine::Library(repository) => with_library(&repository, mode, target, files)?,
        Engine::Program(program) => with_program(&program, root, mode, target, files)?,
    }
    Ok(Answer::Empty)
}

fn with_library(repository: &Repository, mode: Mode, target: &str, files: &[String]) -> Result<(), Failure> {
    if repository.is_bare() && mode != Mode::Soft {
        return Err(Failure::bare());
    }
    if target == "HEAD" && mode == Mode::Mixed && matches!(Head::of(repository)?, Head::Unborn(_)) {
        return empty_index(repository, files);
    }
    let target = known_revision(repository, target)?;
    if !files.is_empty() {
        return reset_files(repository, &target, files);
    }
    let kind = match mode {
        Mode::Soft => ResetType::Soft,
        Mode::Mixed => ResetType::Mixed,
        Mode::Hard => ResetType::Hard,
        Mode::Merge | Mode::Keep => return reset_carefully(repository, &target, mode),
    };
    Ok(repository.reset(target.as_object(), kind, None)?)
}

/// Before the first commit there is nothing to reset to but nothing.
fn empty_index(repository: &Repository, files: &[String]) -> Result<(), Failure> {
    let root = repository.workdir().ok_or_else(Failure::bare)?;
    let mut index = repository.index()?;
    if files.is_empty() {
        index.clear()?;
    } else {
        let paths = RepoPath::all(root, files)?;
        let gone: Vec<Vec<u8>> = index
            .iter()
            .map(|entry| entry.path)
            .filter(|known| paths.iter().any(|path| path.covers(known)))
            .collect();
        set_index(&mut index, &Default::default(), &gone.iter().collect::<Vec<_>>())?;
    }
    Ok(index.write()?)
}

fn reset_files(repository: &Repository, target: &Commit<'_>, files: &[String]) -> Result<(), Failure> {
    let root = repository.workdir().ok_or_else(Failure::bare)?;
    let paths = RepoPath::all(root, files)?;
    let mut index = repository.index()?;
    let wanted = of_tree(&target.tree()?, &paths)?;
    let tracked: BTreeSet<Vec<u8>> = index
        .iter()
        .map(|entry| entry.path)
        .filter(|known| paths.iter().any(|path| path.covers(known)))
        .collect();
    for path in paths.iter().filter(|path| !path.is_root()) {
        if !wanted.keys().chain(&tracked).any(|known| path.covers(known)) {
            return Err(path.unmatched());
        }
    }
    let gone: Vec<&Vec<u8>> = tracked.iter().filter(|path| !wanted.contains_key(*path)).collect();
    set_index(&mut index, &wanted, &gone)?;
    Ok(index.write()?)
}

/// The two modes that keep what is not concerned. All is looked at before anything is changed.
fn reset_carefully(repository: &Repository, target: &Commit<'_>, mode: Mode) -> Result<(), Failure> {
    let index = repository.index()?;
    if mode == Mode::Keep && index.has_conflicts() {
        return Err(Failure::dirty("there are unmerged files: resolve and add them first"));
    }
    let tree = target.tree()?;
    let head_tree = commit(repository)?.map(|commit| commit.tree()).transpose()?;
    let concerned = match mode {
        Mode::Keep => paths(&repository.diff_tree_to_tree(head_tree.as_ref(), Some(&tree), None)?),
        _ => paths(&repository.diff_tree_to_index(Some(&tree), Some(&index), None)?),
    };
    let mut options = DiffOptions::new();
    options.include_untracked(true).recurse_untracked_dirs(true);
    let mut changed = paths(&repository.diff_index_to_workdir(Some(&index), Some(&mut options))?);
    if mode == Mode::Keep {
        changed.extend(paths(&repository.diff_tree_to_index(head_tree.as_ref(), Some(&index), None)?));
    }
    let in_the_way: Vec<String> =
        concerned.intersection(&changed).map(|path| String::from_utf8_lossy(path).into_owned()).collect();
    if !in_the_way.is_empty() {
        return Err(overwritten(&in_the_way));
    }
    let root = repository.workdir().ok_or_else(Failure::bare)?;
    let mut checkout = CheckoutBuilder::new();
    checkout.force().disable_pathspec_match(true).update_index(false);
    let mut any = false;
    for path in &concerned {
        if tree.get_path(path_of(path)).is_ok() {
            checkout.path(path.as_slice());
            any = true;
        } else {
            remove(root, path_of(path))?;
        }
    }
    if any {
        repository.checkout_tree(tree.as_object(), Some(&mut checkout))?;
    }
    // The branch and the index; what the index says of files is looked up anew.
    Ok(repository.reset(target.as_object(), ResetType::Mixed, None)?)
}

/// All paths of a difference, old and new.
fn paths(diff: &git2::Diff<'_>) -> BTreeSet<Vec<u8>> {
    diff.deltas()
        .flat_map(|delta| {
            [delta.old_file().path_bytes(), delta.new_file().path_bytes()]
                .map(|path| path.map(<[u8]>::to_vec))
        })
        .flatten()
        .collect()
}

fn with_program(
    program: &Program,
    root: &Path,
    mode: Mode,
    target: &str,
    files: &[String],
) -> Result<(), Failure> {
    check_not_option(target)?;
    let is_unborn = target == "HEAD" && program.run(["rev-parse", "--verify", "--quiet", "HEAD"]).is_err();
    if !is_unborn
        && program.run(["rev-parse", "--verify", "--quiet", &format!("{target}^{{commit}}")]).is_err()
    {
        return Err(Failure::not_found(format!("unknown revision: {target}")));
    }
    let mut arguments = vec!["reset".into(), "--quiet".into()];
    if files.is_empty() {
        arguments.push(format!("--{}", mode.name()).into());
        arguments.extend([target.into(), "--".into()].into_iter().skip(usize::from(is_unborn)));
    } else {
        let paths = RepoPath::all(root, files)?;
        arguments.extend((!is_unborn).then(|| target.into()));
        arguments.extend(literal_paths(paths.iter().map(RepoPath::for_program)));
    }
    program.run(arguments).map_err(|failure| {
        let is_refused = ["not uptodate", "Could not reset index file", "unmerged"];
        if is_refused.iter().any(|words| failure.message.contains(words)) {
            return Failure::dirty(failure.message);
        }
        failure
    })?;
    Ok(())
}
