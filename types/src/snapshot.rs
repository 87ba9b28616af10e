//! What a sandbox is made from, as a runner names it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::spelled::spelled;
use crate::{Cores, Gib, Resources};

spelled! {
    /// A snapshot's state as clients see it (reference schema `SnapshotState`).
    SnapshotState {
        /// Asked for; nothing is done yet.
        Pending => "pending",
        /// Its image is being built.
        Building => "building",
        /// A runner is fetching or making its root file system.
        Pulling => "pulling",
        /// It is being taken from a sandbox.
        Snapshotting => "snapshotting",
        /// Sandboxes can be made from it.
        Active => "active",
        /// Kept, and off the runners.
        Inactive => "inactive",
        /// It cannot be used; see the reason.
        Error => "error",
        /// Its build failed.
        BuildFailed => "build_failed",
        /// Being removed.
        Removing => "removing",
    }
}

/// The snapshots that every installation has. They share one root file system and differ in size
/// (`spec/control-plane.md` G.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BuiltinSnapshot {
    /// 1 core, 1 GiB, 3 GiB of disk. The default snapshot.
    Small,
    /// 2 cores, 4 GiB, 8 GiB of disk.
    Medium,
    /// 4 cores, 8 GiB, 10 GiB of disk.
    Large,
}

impl BuiltinSnapshot {
    /// All of them, smallest first.
    pub const ALL: [Self; 3] = [Self::Small, Self::Medium, Self::Large];

    /// The name that a list shows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Small => "paddock-small",
            Self::Medium => "paddock-medium",
            Self::Large => "paddock-large",
        }
    }

    /// The reference's name for a snapshot of this size, accepted wherever ours is.
    pub const fn alias(self) -> &'static str {
        match self {
            Self::Small => "daytona-small",
            Self::Medium => "daytona-medium",
            Self::Large => "daytona-large",
        }
    }

    /// Its size.
    pub const fn resources(self) -> Resources {
        let (cpu, memory, disk) = match self {
            Self::Small => (1, 1, 3),
            Self::Medium => (2, 4, 8),
            Self::Large => (4, 8, 10),
        };
        Resources { cpu: Cores(cpu), memory: Gib(memory), disk: Gib(disk) }
    }
}

/// The root file system of a snapshot, as a runner knows it: never a path, always a name that the
/// runner maps to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RootRef {
    /// The root file system that is made on the host from the distribution's packages.
    Builtin,
}

/// A root reference of a kind that this version does not know.
#[derive(Debug, thiserror::Error)]
#[error("unknown root file system {0:?}")]
pub struct UnknownRoot(String);

impl fmt::Display for RootRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin => f.write_str("builtin"),
        }
    }
}

impl FromStr for RootRef {
    type Err = UnknownRoot;

    fn from_str(text: &str) -> Result<Self, UnknownRoot> {
        match text {
            "builtin" => Ok(Self::Builtin),
            other => Err(UnknownRoot(other.to_owned())),
        }
    }
}

impl TryFrom<String> for RootRef {
    type Error = UnknownRoot;

    fn try_from(text: String) -> Result<Self, UnknownRoot> {
        text.parse()
    }
}

impl From<RootRef> for String {
    fn from(root: RootRef) -> Self {
        root.to_string()
    }
}
