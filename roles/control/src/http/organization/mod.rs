//! Organizations.

pub(super) mod get;
pub(super) mod list;

use paddock_store::OrganizationRecord;
use paddock_types::ResourceLimits;
use paddock_wire_control::{Organization, WireTime};

use crate::app::App;

pub(super) fn show(app: &App, record: OrganizationRecord) -> Organization {
    let limits = ResourceLimits::DEFAULT.0;
    Organization {
        id: record.id.to_string(),
        name: record.name,
        created_by: record.created_by.to_string(),
        personal: record.personal,
        created_at: WireTime(record.created_at),
        updated_at: WireTime(record.updated_at),
        suspended: false,
        suspended_at: None,
        suspension_reason: None,
        suspended_until: None,
        suspension_cleanup_grace_period_hours: 0,
        max_cpu_per_sandbox: limits.cpu.0,
        max_memory_per_sandbox: limits.memory.0,
        max_disk_per_sandbox: limits.disk.0,
        secret_quota: 0,
        max_secrets_per_sandbox: 0,
        snapshot_deactivation_timeout_minutes: 0,
        sandbox_limited_network_egress: false,
        preview_warning_enabled: false,
        sso_enabled: false,
        scim_enabled: false,
        authenticated_rate_limit: None,
        sandbox_create_rate_limit: None,
        sandbox_lifecycle_rate_limit: None,
        authenticated_rate_limit_ttl_seconds: None,
        sandbox_create_rate_limit_ttl_seconds: None,
        sandbox_lifecycle_rate_limit_ttl_seconds: None,
        default_queue_timeout: None,
        experimental_config: serde_json::Value::Object(serde_json::Map::new()),
        otel_config: None,
        default_region_id: Some(app.config.region.clone()),
    }
}
