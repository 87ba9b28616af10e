//! Organizations.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{ApiKeyResponse, Fields, Invalid, WireTime};

/// Reference schema `Organization`. The suspension's three fields are null for a healthy one: the
/// keys have to be there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Organization {
    /// Which.
    pub id: String,
    /// A name for people.
    pub name: String,
    /// The user who made it.
    pub created_by: String,
    /// Whether it is one user's own.
    pub personal: bool,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: WireTime,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: WireTime,
    /// Whether it may do nothing new.
    pub suspended: bool,
    /// Since when it is suspended.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub suspended_at: Option<WireTime>,
    /// Why it is suspended.
    #[schema(required = true)]
    pub suspension_reason: Option<String>,
    /// Until when it is suspended.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub suspended_until: Option<WireTime>,
    /// Hours from suspension to clean-up.
    pub suspension_cleanup_grace_period_hours: u32,
    /// The most cores of one sandbox.
    pub max_cpu_per_sandbox: u32,
    /// The most GiB of memory of one sandbox.
    pub max_memory_per_sandbox: u32,
    /// The most GiB of disk of one sandbox.
    pub max_disk_per_sandbox: u32,
    /// The most secrets. Zero: this version has none.
    pub secret_quota: u32,
    /// The most secrets of one sandbox. Zero: this version has none.
    pub max_secrets_per_sandbox: u32,
    /// Minutes after which an unused snapshot is deactivated. Zero: never.
    pub snapshot_deactivation_timeout_minutes: u32,
    /// Whether sandboxes reach only a few places.
    pub sandbox_limited_network_egress: bool,
    /// Whether previews warn before they show a page.
    pub preview_warning_enabled: bool,
    /// Whether members sign in elsewhere.
    pub sso_enabled: bool,
    /// Whether members are kept by a directory.
    pub scim_enabled: bool,
    /// Requests per window; null is no limit.
    #[schema(required = true)]
    pub authenticated_rate_limit: Option<u32>,
    /// Creations per window; null is no limit.
    #[schema(required = true)]
    pub sandbox_create_rate_limit: Option<u32>,
    /// Lifecycle calls per window; null is no limit.
    #[schema(required = true)]
    pub sandbox_lifecycle_rate_limit: Option<u32>,
    /// Seconds of the window of requests.
    #[schema(required = true)]
    pub authenticated_rate_limit_ttl_seconds: Option<u32>,
    /// Seconds of the window of creations.
    #[schema(required = true)]
    pub sandbox_create_rate_limit_ttl_seconds: Option<u32>,
    /// Seconds of the window of lifecycle calls.
    #[schema(required = true)]
    pub sandbox_lifecycle_rate_limit_ttl_seconds: Option<u32>,
    /// Minutes that a sandbox may wait for a runner; null is no limit.
    #[schema(required = true)]
    pub default_queue_timeout: Option<u32>,
    /// Settings of experiments: none.
    #[schema(value_type = Object)]
    pub experimental_config: Value,
    /// Where telemetry goes; null is nowhere.
    #[schema(required = true)]
    pub otel_config: Option<OtelConfig>,
    /// Where sandboxes run when their maker names no region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_region_id: Option<String>,
}

/// Reference schema `OtelConfig`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OtelConfig {
    /// Where to.
    pub endpoint: String,
}

/// Asks for an organization with an owner and a key. Ours; the reference's operation of that path
/// wants a user and quotas.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
pub struct NewOrganization {
    /// A name for people; 1 to 255 characters.
    pub name: String,
}

impl NewOrganization {
    /// Reads a request.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(mut fields: Fields) -> Result<Self, Invalid> {
        let name = fields.text("name").unwrap_or_default();
        if name.trim().is_empty() || name.chars().count() > 255 || name.chars().any(char::is_control) {
            fields.problem("name must have between 1 and 255 characters, none of them control characters");
        }
        fields.finish()?;
        Ok(Self { name })
    }
}

/// A new organization, and the key of its owner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreatedOrganization {
    /// The organization.
    pub organization: Organization,
    /// Its owner's key, in clear. Shown once.
    pub api_key: CreatedKey,
}

/// A key in clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedKey {
    /// Its name.
    pub name: String,
    /// The key.
    pub value: String,
}

impl From<ApiKeyResponse> for CreatedKey {
    fn from(key: ApiKeyResponse) -> Self {
        Self { name: key.name, value: key.value }
    }
}
