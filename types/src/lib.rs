//! The nouns that every crate of paddock shares: ids, states, sizes and names.
//!
//! No I/O, no clock, no wire format of the public API (that is `wire/control`). A value of one of
//! these types has been checked: what exists, is valid.

mod id;
mod name;
mod resources;
mod sandbox_state;
mod snapshot;

pub use id::{ApiKeyId, OrganizationId, ParseIdError, RunnerId, SandboxId, SnapshotId, UserId};
pub use name::{EnvName, InvalidName, OsUser};
pub use resources::{Cores, Gib, InvalidResources, ResourceLimits, Resources};
pub use sandbox_state::{DesiredState, Generation, SandboxState, UnknownState};
pub use snapshot::{BuiltinSnapshot, RootRef, UnknownRoot};
