//! The nouns that every crate of paddock shares: ids, states, sizes and names.
//!
//! No I/O, no clock, no wire format of the public API (that is `wire/control`). A value of one of
//! these types has been checked: what exists, is valid.

mod build;
mod id;
mod image;
mod name;
mod permission;
mod port;
mod resources;
mod sandbox_name;
mod sandbox_state;
mod snapshot;
mod snapshot_name;
mod spelled;
mod task;
mod time;
mod volume;

pub use build::BuildInfo;
pub use id::{
    ApiKeyId, CopyId, ObjectId, OrganizationId, ParseIdError, RegistryId, RunnerId, SandboxId, SnapshotId,
    TaskId, UserId, VolumeId, WarmPoolId,
};
pub use image::{ImageConfig, InvalidImage};
pub use name::{EnvName, InvalidName, OsUser};
pub use permission::Permission;
pub use port::parse_port;
pub use resources::{Cores, Gib, InvalidResources, ResourceLimits, Resources};
pub use sandbox_name::{SandboxName, SandboxRef, host_name};
pub use sandbox_state::{DesiredState, Generation, SandboxState};
pub use snapshot::{BuiltinSnapshot, RootBase, RootRef, SnapshotState, UnknownRoot};
pub use snapshot_name::SnapshotName;
pub use spelled::UnknownSpelling;
pub use task::{BackupState, InvalidSha256, Sha256, StoredObject, TaskKind};
pub use time::{
    AutoArchive, AutoDelete, AutoPause, AutoStop, InvalidInterval, Minutes, TimeToLive, Timestamp,
};
pub use volume::{InvalidMount, MountPath, ScratchMount, Subpath, VolumeMount, VolumeName, VolumeState};
