//! Starts, finds and ends sandboxes on this host.
//!
//! A sandbox, to this crate, is a root file system made of layers and a volume, a pair of namespaces
//! made beforehand, limits, and a first process. Who wants it, and what it is called on any wire, is
//! nobody's business here.
//!
//! Invariants: nothing of a sandbox is ever mounted in the runner's own mount namespace; a first process
//! is named by pid *and* start time; [`Runtime::remove`] works on whatever a crash left behind.
//!
//! Implementations: [`oci`] (any runtime that speaks the OCI command line: crun, runc), [`fake`].

pub mod cgroup;
mod consumption;
pub mod fake;
mod freezer;
mod limits;
pub mod oci;

pub use consumption::Consumption;
pub use limits::Reclaimed;

use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use paddock_sys::mount::Detached;
use paddock_sys::namespace::Pair;
use paddock_sys::process::Process;
use paddock_types::{Resources, SandboxId};

/// What an implementation can do. Upper code asks this, never its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// The program, for logs and `paddock doctor`.
    pub name: String,
    /// The sandboxes share the host's kernel.
    pub shares_kernel: bool,
    /// A sandbox can be held still ([`Runtime::freeze`]).
    pub freezes: bool,
    /// Processors and memory of a running sandbox can be changed ([`Runtime::resize`]).
    pub resizes: bool,
}

/// The fail points of [`Runtime::freeze`] and [`Runtime::thaw`].
pub const FREEZE_STEPS: [&str; 2] = ["runtime.freeze.after_freeze", "runtime.thaw.before_thaw"];
/// The fail points of [`Runtime::resize`].
pub const RESIZE_STEPS: [&str; 2] = ["runtime.resize.after_memory", "runtime.resize.after_all"];

/// Everything needed to start one sandbox.
#[derive(Debug)]
pub struct Launch<'a> {
    /// Which.
    pub id: SandboxId,
    /// Read-only directories, lowest first, as unpacked: root's files belong to uid 0.
    pub layers: &'a [PathBuf],
    /// A directory with `upper` and `work` beneath, on one file system that is none of the layers'.
    pub volume: &'a Path,
    /// The namespaces that it lives in. May be dropped once the launch returned.
    pub pair: &'a Pair,
    /// Limits; the disk is the volume's.
    pub resources: Resources,
    /// The most processes and threads.
    pub max_pids: u32,
    /// Its host name.
    pub hostname: &'a str,
    /// The toolbox program on the host. Shown inside, read-only, and run as the first process.
    pub toolbox: &'a Path,
    /// The environment of the first process, `NAME=value`.
    pub environment: Vec<String>,
    /// What the first process is to run: its arguments behind `--`. May be empty.
    pub arguments: &'a [String],
    /// Empty directories in memory that are shown inside: absolute paths, and the most bytes of each.
    pub scratch: &'a [(String, u64)],
    /// What is shown inside beside the root. The program makes the places if they are not there, within the root whatever
    /// links lie in it.
    pub mounts: &'a [Mount],
    /// Descriptors for the first process: they become 3, 4, … in this order.
    pub descriptors: &'a [BorrowedFd<'a>],
}

/// A tree of files that is shown inside. Set-user-id bits and device nodes in it mean nothing there.
#[derive(Debug)]
pub struct Mount {
    /// The tree, attached nowhere.
    pub tree: Detached,
    /// Where inside: absolute, without `.`, `..` and doubled slashes. No two at one place.
    pub path: String,
    /// Whose its files are.
    pub ids: Ids,
}

/// What the owners of files on disk mean inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ids {
    /// Root's files are root's inside, as with a sandbox's own.
    Mapped,
    /// The file system cannot do that: its files are nobody's inside.
    AsOnHost,
}

/// Why a sandbox could not be started or removed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The root file system could not be assembled.
    #[error("could not assemble the root file system: {step}")]
    Root {
        /// The step.
        step: String,
        /// Why.
        source: io::Error,
    },
    /// The runtime program refused or failed.
    #[error("{program} {verb} failed: {output}")]
    Program {
        /// The program.
        program: String,
        /// What it was to do.
        verb: &'static str,
        /// What it said, at most a few lines.
        output: String,
    },
    /// Some of its processes did not hold still in time. All of them go on.
    #[error("the processes of sandbox {id} did not hold still within {limit:?}")]
    NotFrozen {
        /// Which.
        id: SandboxId,
        /// How long was waited.
        limit: Duration,
    },
    /// It uses more memory than it shall have. Its limits are as before.
    #[error("sandbox {id} uses more memory than {memory_mib} MiB")]
    InUse {
        /// Which.
        id: SandboxId,
        /// What it was to have.
        memory_mib: u64,
    },
    /// It was started, and its first process has ended already: what it said before is for the caller to read.
    #[error("the first process ended at once")]
    Ended,
    /// Something around it failed.
    #[error("could not {action}")]
    Io {
        /// What was being done.
        action: String,
        /// Why.
        source: io::Error,
    },
    /// A test wanted it so.
    #[error(transparent)]
    Injected(#[from] paddock_failpoint::Injected),
}

impl Error {
    fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}

impl From<io::Error> for Error {
    /// For [`paddock_sys::thread::scoped`] alone, whose own failure is to make a thread.
    fn from(source: io::Error) -> Self {
        Self::Io { action: "make a thread for the launch".to_owned(), source }
    }
}

/// What happened to a sandbox that its end may be explained by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Accidents {
    /// How often the kernel killed a process of it for want of memory.
    pub memory_kills: u64,
}

/// The runtime of one runner. Every call blocks.
pub trait Runtime: Send + Sync {
    /// What this implementation can do.
    fn info(&self) -> Info;

    /// Starts a sandbox that does not run, and returns its first process. What a failed or killed launch
    /// left behind is removed by [`Runtime::remove`], not by this.
    fn launch(&self, launch: Launch<'_>) -> Result<Process, Error>;

    /// The first process of a sandbox that was launched and not removed, if it still runs.
    fn find(&self, id: SandboxId) -> Option<Process>;

    /// Kills whatever still runs of it and removes all that the runtime keeps of it. Nothing of it is no
    /// error; may be repeated.
    fn remove(&self, id: SandboxId) -> Result<(), Error>;

    /// Every sandbox that anything is kept of, running or not, in no order.
    fn list(&self) -> Result<Vec<SandboxId>, Error>;

    /// What happened to it since its launch. Readable until [`Runtime::remove`].
    fn accidents(&self, id: SandboxId) -> Accidents;

    /// What it consumes now. An error when it does not run.
    fn consumption(&self, id: SandboxId) -> Result<Consumption, Error>;

    /// Holds every process of a running sandbox still, and returns once they are. What it holds stays in memory, and
    /// stays held when this process ends. A sandbox that is held already is no error.
    ///
    /// # Errors
    /// [`Error::NotFrozen`] when some of them were not still within `limit` (one that waits for a disk cannot be held);
    /// all of them go on then.
    fn freeze(&self, id: SandboxId, limit: Duration) -> Result<(), Error>;

    /// Lets every process of the sandbox go on. One that is not held, or not there, is no error.
    fn thaw(&self, id: SandboxId) -> Result<(), Error>;

    /// Whether anything of the sandbox is held, also by a [`Runtime::freeze`] that a kill cut short.
    fn is_frozen(&self, id: SandboxId) -> bool;

    /// Takes from the sandbox what memory it can do without, as far as the kernel can: the page cache of its files, and
    /// where the host has swap, what its processes do not touch. May take seconds. Works on one that is held.
    ///
    /// # Errors
    /// When it does not run.
    fn reclaim(&self, id: SandboxId) -> Result<Reclaimed, Error>;

    /// Changes what a running, or held, sandbox may use: processors and memory. The number of processes, its share among
    /// busy neighbours, and the size of its `/dev/shm` stay as launched; the disk is the volume's.
    ///
    /// # Errors
    /// [`Error::InUse`] when it uses more memory than it shall have. On any error the limits are as before.
    fn resize(&self, id: SandboxId, resources: Resources) -> Result<(), Error>;
}
