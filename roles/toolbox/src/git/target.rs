//! The directory of a clone: made or found empty, held by one clone at a time, and emptied if it fails.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::files::remove_tree;
use crate::http::ApiError;

/// The directories that are being cloned into, without links in their names.
#[derive(Debug, Clone, Default)]
pub(super) struct Targets(Arc<Mutex<HashSet<PathBuf>>>);

/// A directory that is there, empty, and nobody else's for a clone. Dropped, it is free again.
#[derive(Debug)]
pub(super) struct Target {
    targets: Targets,
    path: PathBuf,
    /// The uppermost directory that was made for it; `None` if it was there.
    made: Option<PathBuf>,
}

impl Targets {
    /// Makes the directory with its parents, or finds it empty. Blocks.
    ///
    /// # Errors
    ///
    /// 409 if something is in it, or another clone is under way there.
    pub(super) fn claim(&self, path: &Path) -> Result<Target, ApiError> {
        let made = make(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                ApiError::conflict(format!("{} is not a directory", path.display()))
            }
            _ => ApiError::file(path, &error),
        })?;
        let name = path.canonicalize().map_err(|error| ApiError::file(path, &error))?;
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.contains(&name) {
            return Err(ApiError::conflict(format!("another clone is under way in {}", path.display())));
        }
        let mut entries = std::fs::read_dir(&name).map_err(|error| ApiError::file(path, &error))?;
        if entries.next().is_some() {
            let what =
                if is_repository(&name) { "a repository already exists in" } else { "there are files in" };
            return Err(ApiError::conflict(format!("{what} {}", path.display())));
        }
        held.insert(name.clone());
        Ok(Target { targets: self.clone(), path: name, made })
    }
}

impl Target {
    /// Removes what is in the directory, and the directory and its parents if they were made for it. What
    /// cannot be removed stays. Blocks.
    pub(super) fn empty(self) {
        let entries = std::fs::read_dir(&self.path).into_iter().flatten().flatten();
        for entry in entries {
            // The failure of the clone is the one to tell.
            let _ = remove_tree(&entry.path());
        }
        if let Some(made) = &self.made {
            let mut directory = self.path.as_path();
            // From below, and only what is empty: somebody else may use one of the parents by now.
            while std::fs::remove_dir(directory).is_ok() && directory != made {
                let Some(parent) = directory.parent() else { break };
                directory = parent;
            }
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.targets.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.path);
    }
}

/// Makes what is missing and gives back the uppermost of it, without links in its name.
fn make(path: &Path) -> io::Result<Option<PathBuf>> {
    let missing = path.ancestors().take_while(|directory| directory.symlink_metadata().is_err()).last();
    let Some(missing) = missing.filter(|missing| !missing.as_os_str().is_empty()) else {
        return if path.is_dir() { Ok(None) } else { Err(io::ErrorKind::NotADirectory.into()) };
    };
    std::fs::create_dir_all(path)?;
    missing.canonicalize().map(Some)
}

fn is_repository(path: &Path) -> bool {
    path.join(".git").exists() || (path.join("HEAD").exists() && path.join("objects").is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> PathBuf {
        let place = std::env::temp_dir().join(format!("target-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&place).unwrap();
        place
    }

    #[test]
    fn what_was_made_is_removed_and_what_was_there_stays() {
        let place = place();
        let targets = Targets::default();
        let target = targets.claim(&place.join("a/b/c")).unwrap();
        std::fs::create_dir(place.join("a/b/c/.git")).unwrap();
        std::fs::write(place.join("a/other"), "").unwrap();
        target.empty();
        assert!(!place.join("a/b").exists());
        assert!(place.join("a/other").exists());

        std::fs::create_dir(place.join("there")).unwrap();
        let target = targets.claim(&place.join("there")).unwrap();
        std::fs::write(place.join("there/file"), "").unwrap();
        target.empty();
        assert_eq!(std::fs::read_dir(place.join("there")).unwrap().count(), 0);
        std::fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn one_clone_at_a_time_and_never_over_files() {
        let place = place();
        let targets = Targets::default();
        let held = targets.claim(&place.join("a")).unwrap();
        std::os::unix::fs::symlink(place.join("a"), place.join("link")).unwrap();
        assert!(targets.claim(&place.join("link")).unwrap_err().message().contains("under way"));
        drop(held);
        drop(targets.claim(&place.join("link")).unwrap());
        assert!(targets.claim(&place).unwrap_err().message().contains("there are files in"));
        std::fs::write(place.join("file"), "").unwrap();
        assert!(targets.claim(&place.join("file")).is_err());
        assert!(targets.claim(&place.join("file/below")).is_err());
        std::fs::remove_dir_all(place).unwrap();
    }
}
