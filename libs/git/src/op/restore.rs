//! `POST /git/restore`.

use std::collections::BTreeMap;
use std::path::Path;

use git2::build::CheckoutBuilder;
use git2::{Index, IndexEntry, IndexTime, ObjectType, Repository, Tree, TreeWalkMode, TreeWalkResult};
use paddock_wire_toolbox::GitRestoreRequest;

use super::head::{check_not_option, known_revision};
use super::paths::RepoPath;
use crate::answer::Answer;
use crate::failure::Failure;
use crate::program::{Program, literal_paths};
use crate::repository::{Engine, Plan, engine, path_of};

/// What is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sides {
    index: bool,
    worktree: bool,
}

impl Sides {
    fn of(staged: Option<bool>, worktree: Option<bool>) -> Result<Self, Failure> {
        let index = staged.unwrap_or(false);
        let worktree = worktree.unwrap_or(staged.is_none());
        if index || worktree {
            return Ok(Self { index, worktree });
        }
        Err(Failure::bad_request("neither staged nor worktree is to be restored"))
    }
}

/// Restores files as they are in the index or in a commit. One that is not there is removed, if the index
/// knows it.
pub(super) fn restore(request: &GitRestoreRequest) -> Result<Answer, Failure> {
    let sides = Sides::of(request.staged, request.worktree)?;
    if request.files.is_empty() {
        return Err(Failure::bad_request("files is empty"));
    }
    let root = Path::new(&request.path);
    let source = request.source.as_deref().filter(|source| !source.is_empty());
    let plan = Plan { touches_worktree: true, ..Plan::default() };
    match engine(root, &plan)? {
        Engine::Library(repository) => with_library(&repository, sides, &request.files, source)?,
        Engine::Program(program) => with_program(&program, root, sides, &request.files, source)?,
    }
    Ok(Answer::Empty)
}

fn with_library(
    repository: &Repository,
    sides: Sides,
    files: &[String],
    source: Option<&str>,
) -> Result<(), Failure> {
    let root = repository.workdir().ok_or_else(Failure::bare)?;
    let paths = RepoPath::all(root, files)?;
    let mut index = repository.index()?;
    // From the index only if nothing else is said.
    let tree = match source {
        None if !sides.index => None,
        source => Some(known_revision(repository, source.unwrap_or("HEAD"))?.tree()?),
    };
    let wanted = match &tree {
        Some(tree) => of_tree(tree, &paths)?,
        None => of_index(&index, &paths)?,
    };
    let tracked: Vec<Vec<u8>> = index
        .iter()
        .filter(|entry| paths.iter().any(|path| path.covers(&entry.path)))
        .map(|entry| entry.path)
        .collect();
    for path in &paths {
        let is_matched = wanted.keys().chain(&tracked).any(|known| path.covers(known));
        if !is_matched && !path.is_root() {
            return Err(path.unmatched());
        }
    }
    let gone: Vec<&Vec<u8>> = tracked.iter().filter(|path| !wanted.contains_key(*path)).collect();
    if sides.worktree {
        write_worktree(repository, tree.as_ref(), &mut index, wanted.keys())?;
        for path in &gone {
            remove(root, path_of(path))?;
        }
    }
    if sides.index {
        set_index(&mut index, &wanted, &gone)?;
    }
    // With the times of what has been written, so that it is not looked at again.
    index.write()?;
    Ok(())
}

/// What a file is to be: its mode and content.
pub(super) type Wanted = BTreeMap<Vec<u8>, (u32, git2::Oid)>;

/// The files of a tree that the paths cover.
pub(super) fn of_tree(tree: &Tree<'_>, paths: &[RepoPath]) -> Result<Wanted, Failure> {
    let mut wanted = Wanted::new();
    tree.walk(TreeWalkMode::PreOrder, |directory, entry| {
        let path = [directory.as_bytes(), entry.name_bytes()].concat();
        if entry.kind() != Some(ObjectType::Tree) && paths.iter().any(|wanted| wanted.covers(&path)) {
            wanted.insert(path, (entry.filemode().cast_unsigned(), entry.id()));
        }
        TreeWalkResult::Ok
    })?;
    Ok(wanted)
}

fn of_index(index: &Index, paths: &[RepoPath]) -> Result<Wanted, Failure> {
    let mut wanted = Wanted::new();
    for entry in index.iter().filter(|entry| paths.iter().any(|path| path.covers(&entry.path))) {
        if stage(&entry) != 0 {
            let path = String::from_utf8_lossy(&entry.path).into_owned();
            return Err(Failure::conflict(format!("path {path:?} is unmerged")));
        }
        wanted.insert(entry.path, (entry.mode, entry.id));
    }
    Ok(wanted)
}

fn stage(entry: &IndexEntry) -> u16 {
    // The two bits that say which side of a conflict it is.
    (entry.flags >> 12) & 3
}

/// Makes index entries what is wanted, and takes out what is gone. Entries that are so already keep
/// what is known of their files.
pub(super) fn set_index(index: &mut Index, wanted: &Wanted, gone: &[&Vec<u8>]) -> Result<(), Failure> {
    for path in gone {
        index.remove_path(path_of(path))?;
    }
    for (path, &(mode, id)) in wanted {
        let known = index.get_path(path_of(path), 0);
        if known.is_some_and(|known| known.id == id && known.mode == mode) {
            continue;
        }
        if index.conflict_get(path_of(path)).is_ok() {
            index.conflict_remove(path_of(path))?;
        }
        index.add(&IndexEntry {
            ctime: IndexTime::new(0, 0),
            mtime: IndexTime::new(0, 0),
            dev: 0,
            ino: 0,
            mode,
            uid: 0,
            gid: 0,
            file_size: 0,
            id,
            flags: 0,
            flags_extended: 0,
            path: path.clone(),
        })?;
    }
    Ok(())
}

/// Writes files from `tree`, or from the index, over what is there.
fn write_worktree<'a>(
    repository: &Repository,
    tree: Option<&Tree<'_>>,
    index: &mut Index,
    paths: impl Iterator<Item = &'a Vec<u8>>,
) -> Result<(), Failure> {
    let mut options = CheckoutBuilder::new();
    options.force().disable_pathspec_match(true).update_index(tree.is_none());
    let mut any = false;
    for path in paths {
        options.path(path.as_slice());
        any = true;
    }
    // Without a path it would be all.
    if !any {
        return Ok(());
    }
    match tree {
        Some(tree) => repository.checkout_tree(tree.as_object(), Some(&mut options))?,
        None => repository.checkout_index(Some(index), Some(&mut options))?,
    }
    Ok(())
}

/// Removes a file and the directories that it leaves empty.
pub(super) fn remove(root: &Path, path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(root.join(path)) {
        Ok(()) => {}
        // Gone already, or something else is in its place, which is nobody's to remove.
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound
                    | std::io::ErrorKind::NotADirectory
                    | std::io::ErrorKind::IsADirectory
            ) => {}
        Err(error) => return Err(Failure::file(&path.display().to_string(), &error)),
    }
    for directory in path.ancestors().skip(1).filter(|directory| !directory.as_os_str().is_empty()) {
        if std::fs::remove_dir(root.join(directory)).is_err() {
            break;
        }
    }
    Ok(())
}

fn with_program(
    program: &Program,
    root: &Path,
    sides: Sides,
    files: &[String],
    source: Option<&str>,
) -> Result<(), Failure> {
    let paths = RepoPath::all(root, files)?;
    let mut arguments = vec!["restore".into(), "--quiet".into()];
    if sides.index {
        arguments.push("--staged".into());
    }
    if sides.worktree {
        arguments.push("--worktree".into());
    }
    if let Some(source) = source {
        check_not_option(source)?;
        if program.run(["rev-parse", "--verify", "--quiet", &format!("{source}^{{commit}}")]).is_err() {
            return Err(Failure::not_found(format!("unknown revision: {source}")));
        }
        arguments.push(format!("--source={source}").into());
    }
    arguments.extend(literal_paths(paths.iter().map(RepoPath::for_program)));
    program.run(arguments)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_chosen_as_the_table_says() {
        let of =
            |staged, worktree| Sides::of(staged, worktree).ok().map(|sides| (sides.index, sides.worktree));
        assert_eq!(of(None, None), Some((false, true)));
        assert_eq!(of(Some(true), None), Some((true, false)));
        assert_eq!(of(None, Some(true)), Some((false, true)));
        assert_eq!(of(Some(true), Some(true)), Some((true, true)));
        assert_eq!(of(Some(false), Some(true)), Some((false, true)));
        for (staged, worktree) in [(Some(false), None), (Some(false), Some(false)), (None, Some(false))] {
            assert_eq!(of(staged, worktree), None);
        }
    }
}
