//! Sandboxes.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod labels;
pub(super) mod last_activity;
pub(super) mod list;
pub(super) mod list_paginated;
pub(super) mod start;
pub(super) mod stop;
pub(super) mod toolbox_proxy_url;

use paddock_store::SandboxRecord;
use paddock_wire_control::{Sandbox, SandboxListItem, WireTime};

use crate::app::App;
use crate::urls::Urls;

/// The whole sandbox, for single reads.
fn show(app: &App, record: SandboxRecord, urls: &Urls) -> Sandbox {
    let env = record.env.iter().map(|(name, value)| (name.as_str().to_owned(), value.clone())).collect();
    let mut summary = summarize(record, urls);
    if let Some(used) = summary.id.parse().ok().and_then(|id| app.activity.of_sandbox(id)) {
        summary.last_activity_at = summary.last_activity_at.max(WireTime(used));
    }
    Sandbox { summary, env, kvm: false, volumes: Vec::new() }
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
        cpu: record.resources.cpu.0,
        gpu: 0,
        memory: record.resources.memory.0,
        disk: record.resources.disk.0,
        state: status.state,
        desired_state: status.desired,
        error_reason: status.error_reason,
        recoverable: status.recoverable,
        spot: false,
        backup_state: "None".to_owned(),
        auto_stop_interval: record.auto_stop.to_wire(),
        auto_pause_interval: 0,
        auto_archive_interval: record.auto_archive.to_wire(),
        auto_delete_interval: record.auto_delete.to_wire(),
        created_at: WireTime(record.created_at),
        updated_at: WireTime(status.updated_at),
        last_activity_at: WireTime(record.last_activity_at),
        sandbox_class: "container".to_owned(),
        daemon_version: status.daemon_version,
        runner_id: status.runner.map(|runner| runner.to_string()),
        toolbox_proxy_url: urls.toolbox(),
    }
}
