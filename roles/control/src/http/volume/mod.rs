//! Volumes.

pub(super) mod by_name;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;

use paddock_store::VolumeRecord;
use paddock_wire_control::{VolumeDto, WireTime};

pub(super) fn show(record: VolumeRecord) -> VolumeDto {
    VolumeDto {
        id: record.id.to_string(),
        name: record.name,
        organization_id: record.organization.to_string(),
        state: record.state,
        created_at: WireTime(record.created_at),
        updated_at: WireTime(record.updated_at),
        last_used_at: record.last_used_at.map(WireTime),
        error_reason: record.error_reason,
    }
}
