//! What a sandbox is made from, as a runner names it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::spelled::spelled;
use crate::{Cores, Gib, Resources, Sha256, StoredObject};

const BUILTIN: &str = "builtin";
const EMPTY: &str = "empty";

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

/// The root file system of a snapshot, as a runner knows it: never a path, always names that the runner maps to some.
///
/// Written as `builtin` or `empty`, and for each layer above it `+<object>:<sha256>:<bytes>`, lowest first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RootRef {
    /// What lies undermost.
    pub base: RootBase,
    /// What was written above it, lowest first: layers in the object store. At most [`RootRef::MOST_LAYERS`].
    pub layers: Vec<StoredObject>,
}

/// What lies undermost in a root file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RootBase {
    /// The one that is made on the host from the distribution's packages.
    Builtin,
    /// Nothing: everything is in the layers, as in images.
    Empty,
}

/// A text that is no root file system of a kind that this version knows.
#[derive(Debug, thiserror::Error)]
#[error("unknown root file system {0:?}")]
pub struct UnknownRoot(String);

impl RootRef {
    /// The built-in one, with nothing above it.
    pub const BUILTIN: Self = Self { base: RootBase::Builtin, layers: Vec::new() };

    /// Nothing at all.
    pub const EMPTY: Self = Self { base: RootBase::Empty, layers: Vec::new() };

    /// The most layers above a base. Each costs every start of a sandbox a mount; the kernel takes 500.
    pub const MOST_LAYERS: usize = 100;

    /// This one with another layer on top; `None` if it has as many as it may.
    #[must_use]
    pub fn with_layer(&self, layer: StoredObject) -> Option<Self> {
        let layers = self.layers.iter().cloned().chain([layer]).collect::<Vec<_>>();
        (layers.len() <= Self::MOST_LAYERS).then_some(Self { base: self.base, layers })
    }
}

impl fmt::Display for RootRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.base {
            RootBase::Builtin => f.write_str(BUILTIN)?,
            RootBase::Empty => f.write_str(EMPTY)?,
        }
        self.layers
            .iter()
            .try_for_each(|StoredObject { id, digest, size_bytes }| write!(f, "+{id}:{digest}:{size_bytes}"))
    }
}

impl FromStr for RootRef {
    type Err = UnknownRoot;

    fn from_str(text: &str) -> Result<Self, UnknownRoot> {
        let unknown = || UnknownRoot(text.chars().take(80).collect());
        let mut parts = text.split('+');
        let base = match parts.next() {
            Some(BUILTIN) => RootBase::Builtin,
            Some(EMPTY) => RootBase::Empty,
            _ => return Err(unknown()),
        };
        let layers: Option<Vec<_>> = parts.map(layer).collect();
        match layers {
            Some(layers) if layers.len() <= Self::MOST_LAYERS => Ok(Self { base, layers }),
            _ => Err(unknown()),
        }
    }
}

fn layer(text: &str) -> Option<StoredObject> {
    let mut fields = text.split(':');
    let object = StoredObject {
        id: fields.next()?.parse().ok()?,
        digest: Sha256::try_from(fields.next()?.to_owned()).ok()?,
        size_bytes: fields.next()?.parse().ok()?,
    };
    fields.next().is_none().then_some(object)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_read_as_it_is_written() {
        let layer = |size_bytes| StoredObject {
            id: "8d3a2c7e-51b0-4a4e-9a0d-6f2f6c1b7e10".parse().unwrap(),
            digest: Sha256::try_from("ab".repeat(32)).unwrap(),
            size_bytes,
        };
        let one = RootRef::BUILTIN.with_layer(layer(0)).unwrap();
        let two = one.with_layer(layer(u64::MAX)).unwrap();
        let image = RootRef::EMPTY.with_layer(layer(7)).unwrap();
        for root in [RootRef::BUILTIN, RootRef::EMPTY, one.clone(), two, image] {
            assert_eq!(root.to_string().parse::<RootRef>().unwrap(), root);
        }
        assert_eq!(RootRef::BUILTIN.to_string(), "builtin");
        assert_eq!(
            one.to_string(),
            format!("builtin+8d3a2c7e-51b0-4a4e-9a0d-6f2f6c1b7e10:{}:0", "ab".repeat(32))
        );
    }

    #[test]
    fn what_is_no_root_is_refused() {
        let good = format!("8d3a2c7e-51b0-4a4e-9a0d-6f2f6c1b7e10:{}:1", "0".repeat(64));
        for text in [
            "",
            "other",
            "builtin+",
            "builtin+a:b:1",
            "builtin+../x:1:1",
            &format!("builtin+{good}:2"),
            &format!("+{good}"),
            &format!("builtin{}", format!("+{good}").repeat(RootRef::MOST_LAYERS + 1)),
        ] {
            assert!(text.parse::<RootRef>().is_err(), "{text}");
        }
    }
}
