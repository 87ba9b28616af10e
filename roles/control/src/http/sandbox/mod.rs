//! Sandboxes.

pub(super) mod ancestors;
pub(super) mod archive;
pub(super) mod auto_archive;
pub(super) mod auto_delete;
pub(super) mod auto_pause;
pub(super) mod auto_stop;
pub(super) mod backup;
pub(super) mod build_logs;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod fork;
pub(super) mod forks;
pub(super) mod get;
pub(super) mod labels;
pub(super) mod last_activity;
pub(super) mod list;
pub(super) mod list_paginated;
pub(super) mod parent;
pub(super) mod pause;
pub(super) mod preview_url;
pub(super) mod public;
pub(super) mod recover;
pub(super) mod resize;
pub(super) mod signing_key;
pub(super) mod snapshot;
pub(super) mod start;
pub(super) mod stop;
pub(super) mod toolbox_proxy_url;
pub(super) mod ttl;

use paddock_store::SandboxRecord;
use paddock_types::VolumeMount;
use paddock_wire_control::{Sandbox, SandboxListItem, SandboxVolume, WireTime};

use crate::app::App;
use crate::urls::Urls;

/// The whole sandbox, for single reads.
pub(super) fn show(app: &App, record: SandboxRecord, urls: &Urls) -> Sandbox {
    let env = record.env.iter().map(|(name, value)| (name.as_str().to_owned(), value.clone())).collect();
    let backup_created_at = record.status.backup_created_at.map(WireTime);
    let linked_sandbox_id = record.link.as_ref().map(|link| link.target.to_string());
    let volumes = record.volumes.iter().map(show_mount).collect();
    let build_info = record.build.clone().map(crate::http::snapshot::show_build);
    let mut summary = summarize(record, urls);
    if let Some(used) = summary.id.parse().ok().and_then(|id| app.activity.of_sandbox(id)) {
        summary.last_activity_at = summary.last_activity_at.max(WireTime(used));
    }
    Sandbox { summary, env, kvm: false, volumes, linked_sandbox_id, build_info, backup_created_at }
}

fn show_mount(mount: &VolumeMount) -> SandboxVolume {
    SandboxVolume {
        volume_id: mount.volume.to_string(),
        mount_path: mount.path.to_string(),
        subpath: mount.subpath.as_ref().map(ToString::to_string),
    }
}

/// What a list shows of it.
fn summarize(record: SandboxRecord, urls: &Urls) -> SandboxListItem {
    let status = record.status;
    SandboxListItem {
        id: record.id.to_string(),
        organization_id: record.organization.to_string(),
        name: record.name,
        snapshot: Some(record.snapshot_name),
        user: record.user.to_string(),
        labels: record.labels,
        public: record.public,
        network_block_all: record.network_block_all,
        target: record.region,
        cpu: status.resources.cpu.0,
        gpu: 0,
        memory: status.resources.memory.0,
        disk: status.resources.disk.0,
        state: status.state,
        desired_state: status.desired,
        error_reason: status.error_reason,
        recoverable: status.recoverable,
        spot: false,
        backup_state: status.backup_state.to_string(),
        auto_stop_interval: record.auto_stop.to_wire(),
        auto_pause_interval: record.auto_pause.to_wire(),
        auto_archive_interval: record.auto_archive.to_wire(),
        auto_delete_interval: record.auto_delete.to_wire(),
        auto_destroy_at: record.auto_destroy_at.map(WireTime),
        created_at: WireTime(record.created_at),
        updated_at: WireTime(status.updated_at),
        last_activity_at: WireTime(record.last_activity_at),
        sandbox_class: "container".to_owned(),
        daemon_version: status.daemon_version,
        runner_id: status.runner.map(|runner| runner.to_string()),
        warm_pool_id: record.warm_pool.map(|pool| pool.to_string()),
        toolbox_proxy_url: urls.toolbox(),
    }
}
