//! `POST /git/add`.

use std::path::Path;

use git2::{Index, IndexAddOption, Repository};
use paddock_wire_toolbox::GitAddRequest;

use super::paths::RepoPath;
use crate::answer::Answer;
use crate::failure::Failure;
use crate::program::{Program, literal_paths};
use crate::repository::{Engine, Plan, engine};

/// Puts files as they are in the worktree into the index, all or none. One that is gone is removed from
/// it; an ignored one is taken if it is named itself.
pub(super) fn add(request: &GitAddRequest) -> Result<Answer, Failure> {
    let root = Path::new(&request.path);
    let plan = Plan { touches_worktree: true, ..Plan::default() };
    match engine(root, &plan)? {
        Engine::Library(repository) => with_library(&repository, &request.files),
        Engine::Program(program) => with_program(&program, root, &request.files),
    }?;
    Ok(Answer::Empty)
}

fn with_library(repository: &Repository, files: &[String]) -> Result<(), Failure> {
    let root = repository.workdir().ok_or_else(Failure::bare)?;
    let mut index = repository.index()?;
    for path in RepoPath::all(root, files)? {
        add_one(&mut index, root, &path)?;
    }
    index.write()?;
    Ok(())
}

fn add_one(index: &mut Index, root: &Path, path: &RepoPath) -> Result<(), Failure> {
    let relative = Path::new(&path.path);
    let on_disk = root.join(relative);
    match on_disk.symlink_metadata() {
        // A repository in the repository is one entry: the commit that it is at.
        Ok(metadata) if metadata.is_dir() && (path.is_root() || !on_disk.join(".git").exists()) => {
            // The library takes no pattern for everything literally, and an empty one means all.
            let specs: Vec<&str> = if path.is_root() { Vec::new() } else { vec![&path.path] };
            index.add_all(specs, IndexAddOption::DISABLE_PATHSPEC_MATCH, None)?;
        }
        Ok(_) => index.add_path(relative)?,
        Err(_) => {
            let count = index.len();
            if index.get_path(relative, 0).is_some() || index.conflict_get(relative).is_ok() {
                index.remove_path(relative)?;
            } else {
                index.remove_dir(relative, 0)?;
            }
            if index.len() == count {
                return Err(path.unmatched());
            }
        }
    }
    Ok(())
}

fn with_program(program: &Program, root: &Path, files: &[String]) -> Result<(), Failure> {
    let paths = RepoPath::all(root, files)?;
    let (directories, single): (Vec<_>, Vec<_>) =
        paths.iter().partition(|path| path.is_root() || root.join(&path.path).is_dir());
    // A trial first, so that it is all or none. It does not know `--force` for what is not there.
    for trial in [true, false] {
        for (paths, option) in [(&directories, "--all"), (&single, "--force")] {
            if paths.is_empty() {
                continue;
            }
            let mut arguments = vec!["add".into(), option.into()];
            if trial {
                arguments.push("--dry-run".into());
            }
            if option == "--force" {
                arguments.push("--all".into());
            }
            arguments.extend(literal_paths(paths.iter().map(|path| path.for_program())));
            program.run(arguments)?;
        }
    }
    Ok(())
}
