//! Snapshots.

pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;

use paddock_store::SnapshotRecord;
use paddock_wire_control::{SnapshotDto, WireTime};

use crate::app::App;

pub(super) fn show(app: &App, record: SnapshotRecord) -> SnapshotDto {
    SnapshotDto {
        id: record.id.to_string(),
        general: record.organization.is_none(),
        organization_id: record.organization.map(|organization| organization.to_string()),
        name: record.name,
        state: record.state,
        size: record.size_bytes.map(gib),
        entrypoint: None,
        cpu: record.resources.cpu.0,
        gpu: 0,
        mem: record.resources.memory.0,
        disk: record.resources.disk.0,
        error_reason: record.error_reason,
        created_at: WireTime(record.created_at),
        updated_at: WireTime(record.updated_at),
        last_used_at: record.last_used_at.map(WireTime),
        source_sandbox_id: record.source.map(|source| source.to_string()),
        region_ids: vec![app.config.region.clone()],
        sandbox_class: "container".to_owned(),
        skip_validation: false,
    }
}

/// GiB to two decimals.
fn gib(bytes: u64) -> f64 {
    let hundredths = bytes.saturating_mul(100) >> 30;
    #[expect(clippy::cast_precision_loss, reason = "no disk has 2^53 hundredths of a GiB")]
    let hundredths = hundredths as f64;
    hundredths / 100.0
}
