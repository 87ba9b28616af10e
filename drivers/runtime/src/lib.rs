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
pub mod fake;
pub mod oci;

use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

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
}

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
    /// Descriptors for the first process: they become 3, 4, … in this order.
    pub descriptors: &'a [BorrowedFd<'a>],
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
}
