//! Everything under a path, each directory directly before what is in it, siblings ordered by their bytes.
//!
//! Never fails: what cannot be looked at is left out. Links are given and not followed, so it ends. Does not recurse
//! itself, for the reason that [`super::tree`] names. What it keeps is the names of the directories on the way to
//! where it stands.

use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// File systems that the kernel makes up: their files have no end, block, or change something when they are read.
/// They are entered only by who begins in one. The numbers are `f_type` of statfs(2).
const MADE_UP: [u64; 7] = [
    0x9fa0,      // proc
    0x6265_6572, // sysfs
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x1cd1,      // devpts
];

/// One thing that was found.
#[derive(Debug)]
pub(crate) struct Found {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// The same as it is told: as the walk's root was named, and what follows.
    pub(super) shown: PathBuf,
    /// What it is itself: of a link, the link's.
    pub(crate) metadata: Metadata,
}

/// The walk. The root comes first.
#[derive(Debug)]
pub(crate) struct Walk {
    root: Option<Found>,
    open: Vec<Open>,
    /// Directories of these names are given and not entered.
    left_out: fn(&OsStr) -> bool,
}

/// A directory whose entries are not all given yet.
#[derive(Debug)]
struct Open {
    path: PathBuf,
    shown: PathBuf,
    device: u64,
    names: std::vec::IntoIter<OsString>,
}

impl Walk {
    /// Walks `path`, which was asked for as `shown`. A link to a directory at its very beginning is followed.
    pub(crate) fn new(path: &Path, shown: &str) -> Self {
        // `.` and doubled slashes are not told.
        let shown: PathBuf = Path::new(shown).components().filter(|part| part.as_os_str() != ".").collect();
        let root = fs::metadata(path).ok().map(|metadata| Found { path: path.to_owned(), shown, metadata });
        Self { root, open: Vec::new(), left_out: |_| false }
    }

    /// Does not enter directories whose names are so.
    pub(crate) fn leave_out(&mut self, names: fn(&OsStr) -> bool) {
        self.left_out = names;
    }

    fn enter(&mut self, found: &Found, from: Option<u64>) {
        let device = found.metadata.dev();
        if from.is_some_and(|from| from != device && is_made_up(&found.path)) {
            return;
        }
        if let Ok(names) = sorted_names(&found.path) {
            let (path, shown) = (found.path.clone(), found.shown.clone());
            self.open.push(Open { path, shown, device, names: names.into_iter() });
        }
    }
}

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if let Some(root) = self.root.take() {
            if root.metadata.is_dir() {
                self.enter(&root, None);
            }
            return Some(root);
        }
        loop {
            let directory = self.open.last_mut()?;
            let Some(name) = directory.names.next() else {
                self.open.pop();
                continue;
            };
            let (path, shown, device) =
                (directory.path.join(&name), directory.shown.join(&name), directory.device);
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            let found = Found { path, shown, metadata };
            if found.metadata.is_dir() && !(self.left_out)(&name) {
                self.enter(&found, Some(device));
            }
            return Some(found);
        }
    }
}

/// The names in a directory, ordered by their bytes.
pub(super) fn sorted_names(directory: &Path) -> io::Result<Vec<OsString>> {
    let mut names =
        fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
    names.sort_unstable();
    Ok(names)
}

fn is_made_up(path: &Path) -> bool {
    rustix::fs::statfs(path).is_ok_and(|found| MADE_UP.contains(&(found.f_type.cast_unsigned())))
}
