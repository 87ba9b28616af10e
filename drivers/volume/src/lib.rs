//! Volumes: files that outlive the sandboxes that mount them, and that several sandboxes may mount at once.
//!
//! A sandbox's own files are not of this crate (`drivers/storage`). What a volume holds was written by guests and is
//! hostile: whoever opens a directory of it never follows a link ([`tree`]). Nothing here decides who may mount what.
//!
//! Invariants: a volume that is not there is never made by opening it; what a crash left half made is listed, completed
//! by another [`Volumes::ensure`] and removed by [`Volumes::delete`].
//!
//! Implementations: [`subvolume`] (in a btrfs pool, sizes enforced), [`s3`] (in a bucket, by a client process per volume),
//! [`dir`] (plain directories, for development), [`fake`] (plain directories that fail when told to).

pub mod dir;
pub mod fake;
pub mod s3;
mod steps;
pub mod subvolume;
pub mod tree;

use std::io;
use std::path::PathBuf;

use paddock_sys::mount::Detached;
use paddock_types::{SandboxId, Subpath, VolumeId};

/// The fail points of [`Volumes::ensure`], in the order in which they are passed.
pub const CREATE_STEPS: [&str; 3] =
    ["volume.create.before", "volume.create.after_directory", "volume.create.after_limit"];
/// The fail points of [`Volumes::delete`], in order.
pub const DELETE_STEPS: [&str; 2] = ["volume.delete.before", "volume.delete.after"];
/// The fail points of [`Volumes::open`], in order.
pub const OPEN_STEPS: [&str; 2] = ["volume.open.before", "volume.open.after_subpath"];

/// What an implementation can do. Upper code asks this, never its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    /// For logs and `paddock doctor`.
    pub name: &'static str,
    /// Sizes are enforced.
    pub enforces_size: bool,
    /// Owners of files can be shown as another user namespace sees them. Where not, everybody may do everything, and
    /// all files are one owner's.
    pub maps_ids: bool,
}

/// Why a volume could not be had. Messages are fit for users: none tells of the host's paths, but for
/// [`Error::Io`]'s.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The pool as a whole is too full for another volume.
    #[error("the storage pool is full: {free_mib} MiB free, {reserve_mib} MiB are kept in reserve")]
    PoolFull {
        /// What is free.
        free_mib: u64,
        /// Below this nothing new is made.
        reserve_mib: u64,
    },
    /// It is not there, though it should be.
    #[error("the files of volume {id} are not on this host any more")]
    NoVolume {
        /// Which.
        id: VolumeId,
    },
    /// A directory of it could not be opened or made.
    #[error("could not open {subpath:?} in volume {id}")]
    Subpath {
        /// Which volume.
        id: VolumeId,
        /// Which directory.
        subpath: String,
        /// Why.
        source: tree::Error,
    },
    /// The process that shows a bucket as a file system does not serve.
    #[error("the client of volume {id} does not serve: {detail}")]
    Client {
        /// Which volume.
        id: VolumeId,
        /// What it said.
        detail: String,
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

/// The volumes of one runner. Every call blocks; none holds a lock across calls. Calls for one volume may come at once
/// from many threads, save that nobody deletes what somebody makes or opens.
pub trait Volumes: Send + Sync {
    /// What this implementation can do.
    fn info(&self) -> Info;

    /// Makes the volume if it is not there. Everybody may write to its root directory. When this returns it survives a
    /// power cut. May be repeated after any failure; what it holds stays.
    ///
    /// # Errors
    /// [`Error::PoolFull`] when nothing new fits, only for a volume that does not exist yet.
    fn ensure(&self, id: VolumeId) -> Result<(), Error>;

    /// Every volume that anything of is on this host, also one half made, in no order.
    fn list(&self) -> Result<Vec<VolumeId>, Error>;

    /// Removes the volume and all it holds. One that is not there is no error. Who has it open keeps what he has open.
    fn delete(&self, id: VolumeId) -> Result<(), Error>;

    /// The tree to mount: the volume's root, or the directory `subpath` of it, which is made for everybody to write to if
    /// it is not there. `user` has it open until [`Volumes::close`].
    ///
    /// # Errors
    /// [`Error::NoVolume`]; [`Error::Subpath`] when some part of `subpath` is a link or no directory, or the volume is
    /// full.
    fn open(&self, id: VolumeId, subpath: Option<&Subpath>, user: SandboxId) -> Result<Detached, Error>;

    /// `user` has nothing open any more. One that never had is no error.
    fn close(&self, user: SandboxId) -> Result<(), Error>;

    /// Everybody who was given something by [`Volumes::open`] and has not closed it, where that leaves anything on the
    /// host. In no order.
    fn users(&self) -> Result<Vec<SandboxId>, Error>;
}
