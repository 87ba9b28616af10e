//! Where sandboxes' own files live: one volume per sandbox.
//!
//! A volume is the writable half of a sandbox's root file system (overlayfs *upper* and *work*) and a
//! directory for engines that cannot live on an overlay. This crate speaks of volumes only; what is
//! mounted over or under them is the runtime's business.
//!
//! Invariant: whatever a crash left half made is either returned by [`Storage::list`] and can be
//! deleted, or was never there.
//!
//! Implementations: [`btrfs`] (a pool of its own, sizes enforced), [`dir`] (plain directories, for
//! development), [`fake`] (plain directories that fail when told to).

pub mod btrfs;
pub mod dir;
pub mod fake;

use std::io;
use std::path::{Path, PathBuf};

use paddock_types::SandboxId;

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
}

/// Overlayfs's *upperdir*, beneath a volume's root.
pub const UPPER: &str = "upper";
/// Overlayfs's *workdir*, beneath a volume's root.
pub const WORK: &str = "work";
/// For container engines inside, beneath a volume's root: overlay on overlay is refused by the kernel.
pub const DATA: &str = "data";

/// What an implementation can do. Upper code asks this, never its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    /// For logs and `paddock doctor`.
    pub name: &'static str,
    /// Sizes are enforced.
    pub enforces_size: bool,
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

/// The storage of one runner. Every call blocks; none holds a lock across calls.
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

    /// What the volume takes, as of the file system's last commit (at most half a minute ago).
    fn usage(&self, id: SandboxId) -> Result<Usage, Error>;
}

/// The three directories of a volume, made beneath `root` if they are not there. `upper` belongs to
/// the sandbox's root and is what its `/` shows as owner and mode.
fn make_directories(root: &Path) -> Result<(), Error> {
    for name in [UPPER, WORK, DATA] {
        let path = root.join(name);
        match std::fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other.map_err(Error::io("make", path))?,
        }
    }
    Ok(())
}

/// The sandboxes whose ids are the names in `directory`; other names are not ours and are passed over.
fn ids_in(directory: &Path) -> Result<Vec<SandboxId>, Error> {
    let mut ids = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(Error::io("list", directory))? {
        let entry = entry.map_err(Error::io("list", directory))?;
        if let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
            ids.push(id);
        }
    }
    Ok(ids)
}
