//! The nouns that every crate of paddock shares: ids, states, sizes and names.
//!
//! No I/O, no clock, no wire format of the public API (that is `wire/control`). A value of one of
//! these types has been checked: what exists, is valid.

mod id;
mod name;
mod permission;
mod resources;
mod sandbox_name;
mod sandbox_state;
mod snapshot;
mod spelled;
mod time;

pub use id::{ApiKeyId, OrganizationId, ParseIdError, RunnerId, SandboxId, SnapshotId, UserId};
pub use name::{EnvName, InvalidName, OsUser};
pub use permission::Permission;
pub use resources::{Cores, Gib, InvalidResources, ResourceLimits, Resources};
pub use sandbox_name::{SandboxName, SandboxRef};
pub use sandbox_state::{DesiredState, Generation, SandboxState};
pub use snapshot::{BuiltinSnapshot, RootRef, SnapshotState, UnknownRoot};
pub use spelled::UnknownSpelling;
pub use time::{AutoArchive, AutoDelete, AutoStop, InvalidInterval, Minutes, Timestamp};
