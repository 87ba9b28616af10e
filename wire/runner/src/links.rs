//! Links between sandboxes: as control wishes them, and as the runner tells the resolver of them.
//!
//! A sandbox that is linked has a *target*; the target and everything that is linked with it are one *group*, in which each
//! reaches every other, also by name. The target's own wish does not know of it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use paddock_types::SandboxId;
use serde::{Deserialize, Serialize};

/// What a sandbox is linked with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// With which.
    pub target: SandboxId,
    /// The target's name.
    pub target_name: String,
    /// Its own name.
    pub name: String,
}

/// What the resolver knows of links: a file that the runner replaces whole. Who is not in it has no link.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkTable {
    /// By address, everybody who runs and has a link.
    pub guests: BTreeMap<Ipv4Addr, Guest>,
}

/// What one sandbox may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest {
    /// Whether it may ask for the names of the world too.
    pub asks_world: bool,
    /// The names of its group, in lower case, with the addresses of those that run.
    pub names: BTreeMap<String, Option<Ipv4Addr>>,
}
