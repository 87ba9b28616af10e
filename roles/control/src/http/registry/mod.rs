//! Registries of images.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod update;

use paddock_store::RegistryRecord;
use paddock_wire_control::{DockerRegistry, RegistryType, WireTime};

/// Without its password, which leaves the store for registries alone.
pub(super) fn show(record: RegistryRecord) -> DockerRegistry {
    DockerRegistry {
        id: record.id.to_string(),
        name: record.name,
        url: record.url,
        username: record.username,
        project: record.project,
        registry_type: RegistryType::Organization,
        created_at: WireTime(record.created_at),
        updated_at: WireTime(record.updated_at),
    }
}
