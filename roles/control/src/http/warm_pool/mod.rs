//! Warm pools.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod list;
pub(super) mod update;

use std::collections::BTreeMap;

use paddock_store::WarmPoolRecord;
use paddock_wire_control::{WarmPool, WireTime};

pub(super) fn show(pool: WarmPoolRecord) -> WarmPool {
    WarmPool {
        id: pool.id.to_string(),
        organization_id: pool.organization.to_string(),
        snapshot: pool.snapshot_name,
        target: pool.region,
        pool: pool.size,
        current_size: pool.ready,
        cpu: pool.resources.cpu.0,
        mem: pool.resources.memory.0,
        disk: pool.resources.disk.0,
        os_user: pool.user.to_string(),
        env: BTreeMap::new(),
        error_reason: pool.error_reason,
        created_at: WireTime(pool.created_at),
        updated_at: WireTime(pool.updated_at),
    }
}
