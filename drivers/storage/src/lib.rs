//! Where sandboxes' own files live: one volume per sandbox.
//!
//! A volume is the writable half of a sandbox's root file system (overlayfs *upper* and *work*) and a
//! directory for engines that cannot live on an overlay. This crate speaks of volumes only; what is
//! mounted over or under them is the runtime's business.
//!
//! Invariant: whatever a crash left half made is either listed and can be deleted, or was never there. What is filled by
//! copying ([`Storage::fork_volume`], [`Storage::restore_volume`]) is made under another name and named last; what such
//! a making left is removed when the storage is opened, and by the next try.
//!
//! Implementations: [`btrfs`] (a pool of its own, sizes enforced), [`dir`] (plain directories, for
//! development), [`fake`] (plain directories that fail when told to).

pub mod btrfs;
pub mod dir;
pub mod fake;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use paddock_types::{CopyId, SandboxId};

/// One sandbox's own files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    root: PathBuf,
}

impl Volume {
    /// The volume whose directory is `root`.
    fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// The directory that holds the three below. One file system, no mount beneath.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What the sandbox changed of its root file system. Ids on disk are unshifted: root's files are uid 0.
    pub fn upper(&self) -> PathBuf {
        self.root.join(UPPER)
    }

    /// What engines inside keep beside the root file system.
    pub fn data(&self) -> PathBuf {
        self.root.join(DATA)
    }
}

/// Overlayfs's *upperdir*, beneath a volume's root.
pub const UPPER: &str = "upper";
/// Overlayfs's *workdir*, beneath a volume's root.
pub const WORK: &str = "work";
/// For container engines inside, beneath a volume's root: overlay on overlay is refused by the kernel.
pub const DATA: &str = "data";

/// The fail points of [`Storage::fork_volume`], in the order in which they are passed.
pub const FORK_STEPS: [&str; 4] = [
    "storage.fork.before_copy",
    "storage.fork.after_copy",
    "storage.fork.after_limit",
    "storage.fork.after_name",
];
/// The fail points of [`Storage::restore_volume`], in order.
pub const RESTORE_STEPS: [&str; 5] = [
    "storage.restore.after_volume",
    "storage.restore.after_limit",
    "storage.restore.after_fill",
    "storage.restore.after_flush",
    "storage.restore.after_name",
];
/// The fail points of [`Storage::copy_for_export`], in order.
pub const COPY_STEPS: [&str; 2] = ["storage.copy.before_copy", "storage.copy.after_copy"];
/// The fail points of [`Storage::flush_volume`], where that does anything (btrfs).
pub const FLUSH_STEPS: [&str; 1] = ["storage.flush.after_snapshot"];

/// What an implementation can do. Upper code asks this, never its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    /// For logs and `paddock doctor`.
    pub name: &'static str,
    /// Sizes are enforced.
    pub enforces_size: bool,
    /// A fork and a copy take no time and no space; else both grow with what the volume holds.
    pub shares_data: bool,
}

/// What a volume takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Bytes in use. 0 where nobody counts.
    pub used_bytes: u64,
    /// The most that may be used. `None`: not limited.
    pub limit_bytes: Option<u64>,
}

/// Why a volume could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The pool as a whole is too full for another sandbox.
    #[error("the storage pool is full: {free_mib} MiB free, {reserve_mib} MiB are kept in reserve")]
    PoolFull {
        /// What is free.
        free_mib: u64,
        /// Below this nothing new is made.
        reserve_mib: u64,
    },
    /// What was to be copied is not there, or not whole.
    #[error("sandbox {id} has no files here")]
    NoVolume {
        /// Whose.
        id: SandboxId,
    },
    /// Whoever was to fill a new volume could not.
    #[error("could not fill the volume of sandbox {id}")]
    Fill {
        /// Whose.
        id: SandboxId,
        /// Why.
        source: FillError,
    },
    /// A tree of files could not be copied.
    #[error("could not copy the files of sandbox {id}")]
    Tree {
        /// Whose.
        id: SandboxId,
        /// Why.
        source: paddock_tree::Error,
    },
    /// A step failed.
    #[error("could not {action} {path}")]
    Io {
        /// The step.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program that makes file systems failed.
    #[error("{program} failed: {output}")]
    Program {
        /// Which.
        program: &'static str,
        /// What it said.
        output: String,
    },
    /// A test wanted it so.
    #[error(transparent)]
    Injected(#[from] paddock_failpoint::Injected),
}

impl Error {
    fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

/// Why whoever fills a volume could not.
pub type FillError = Box<dyn std::error::Error + Send + Sync>;

/// The storage of one runner. Opened by nobody else meanwhile: opening it removes what was being made. Every call blocks; none holds a lock across calls.
pub trait Storage: Send + Sync {
    /// What this implementation can do.
    fn info(&self) -> Info;

    /// Makes the volume if it is not there, limited to `limit_bytes`, and returns it. An existing one
    /// is returned as it is, its limit set anew. May be repeated after any failure.
    ///
    /// # Errors
    /// [`Error::PoolFull`] when nothing new fits, only for a volume that does not exist yet.
    fn ensure_volume(&self, id: SandboxId, limit_bytes: u64) -> Result<Volume, Error>;

    /// The volume, if it is there and was completely made.
    fn find_volume(&self, id: SandboxId) -> Result<Option<Volume>, Error>;

    /// Every volume there is, in no order.
    fn list_volumes(&self) -> Result<Vec<SandboxId>, Error>;

    /// Removes the volume and all it holds, also one half made. One that is not there is no error.
    fn delete_volume(&self, id: SandboxId) -> Result<(), Error>;

    /// Writes what the volume has not yet got to the disk, of this volume alone, and so its very existence: what
    /// [`Storage::fork_volume`] returned before survives a power cut from here on. Ends when nearly nothing is left to
    /// write, or after a few rounds with a volume that is written to faster; returns what the last round took. A
    /// [`Storage::fork_volume`] or [`Storage::copy_for_export`] right after takes about as long.
    ///
    /// # Errors
    /// [`Error::NoVolume`].
    fn flush_volume(&self, id: SandboxId) -> Result<Duration, Error>;

    /// Makes the volume `target` with what `source` holds now, limited to `limit_bytes`, and returns it. It is there
    /// whole or not at all, whenever a kill comes. One that is there already is returned as it is, its limit set anew:
    /// may be repeated after any failure. `source` stays as it is; while a sandbox writes to it the caller freezes that
    /// sandbox, else the result is of no single moment.
    ///
    /// # Errors
    /// [`Error::NoVolume`] when `source` is not there; [`Error::PoolFull`].
    fn fork_volume(&self, source: SandboxId, target: SandboxId, limit_bytes: u64) -> Result<Volume, Error>;

    /// Makes the volume that `fill` fills: it gets the root of an empty one, limited to `limit_bytes`, with
    /// [`Volume`]'s three directories in it. Once that has returned all is flushed and the volume is there, whole or
    /// not at all, whenever a kill comes. One that is there already is returned as it is without asking `fill`, its
    /// limit set anew.
    ///
    /// # Errors
    /// [`Error::Fill`] with what `fill` returned; [`Error::PoolFull`].
    fn restore_volume(
        &self,
        id: SandboxId,
        limit_bytes: u64,
        fill: &mut dyn FnMut(&Path) -> Result<(), FillError>,
    ) -> Result<Volume, Error>;

    /// Makes a copy of what the volume holds now, to be read while the sandbox goes on, and returns it. Nobody writes to
    /// it. It is there whole or not at all. One that is there already is returned.
    ///
    /// # Errors
    /// As [`Storage::fork_volume`].
    fn copy_for_export(&self, id: SandboxId, copy: CopyId) -> Result<Volume, Error>;

    /// Every copy there is, in no order. After a restart all of them are leftovers.
    fn list_copies(&self) -> Result<Vec<CopyId>, Error>;

    /// Removes a copy. One that is not there is no error.
    fn delete_copy(&self, copy: CopyId) -> Result<(), Error>;

    /// What the volume takes, as of the file system's last commit (at most half a minute ago).
    fn usage(&self, id: SandboxId) -> Result<Usage, Error>;
}

/// The three directories of a volume, made beneath `root` if they are not there. `upper` belongs to
/// the sandbox's root and is what its `/` shows as owner and mode.
fn make_directories(root: &Path) -> Result<(), Error> {
    [UPPER, WORK, DATA].iter().try_for_each(|name| ensure_directory(&root.join(name)))
}

/// The ids that are names in `directory`; other names are not ours and are passed over.
fn ids_in<Id: std::str::FromStr>(directory: &Path) -> Result<Vec<Id>, Error> {
    let mut ids = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(Error::io("list", directory))? {
        let entry = entry.map_err(Error::io("list", directory))?;
        if let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// Makes the directory `path` if it is not there.
fn ensure_directory(path: &Path) -> Result<(), Error> {
    match std::fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map_err(Error::io("make", path)),
    }
}
