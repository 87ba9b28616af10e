//! Snapshots.

pub(super) mod activate;
pub(super) mod build_logs;
pub(super) mod create;
pub(super) mod deactivate;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;

use paddock_store::SnapshotRecord;
use paddock_wire_control::{BuildInfo, SnapshotDto, WireTime};

use crate::app::App;

pub(super) fn show(app: &App, record: SnapshotRecord) -> SnapshotDto {
    let name = record.name.clone();
    SnapshotDto {
        id: record.id.to_string(),
        general: record.organization.is_none(),
        organization_id: record.organization.map(|organization| organization.to_string()),
        name: record.name,
        state: record.state,
        size: record.size_bytes.map(gib),
        entrypoint: Some(record.image.arguments()).filter(|arguments| !arguments.is_empty()),
        cpu: record.resources.cpu.0,
        gpu: 0,
        mem: record.resources.memory.0,
        disk: record.resources.disk.0,
        image_name: record.image_name.or_else(|| {
            // What a `FROM` of ours can be.
            (record.organization.is_none()).then_some(name)
        }),
        build_info: record.build.map(show_build),
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

pub(in crate::http) fn show_build(info: paddock_types::BuildInfo) -> BuildInfo {
    BuildInfo {
        dockerfile_content: Some(info.dockerfile),
        context_hashes: Some(info.context_hashes),
        created_at: WireTime(info.created_at),
        updated_at: WireTime(info.updated_at),
        snapshot_ref: info.reference,
    }
}

/// GiB to two decimals.
fn gib(bytes: u64) -> f64 {
    let hundredths = bytes.saturating_mul(100) >> 30;
    #[expect(clippy::cast_precision_loss, reason = "no disk has 2^53 hundredths of a GiB")]
    let hundredths = hundredths as f64;
    hundredths / 100.0
}
