//! What a sandbox uses.

use serde::{Deserialize, Serialize};

/// Reference schema `SystemMetrics`. What cannot be read is left out. Sizes are bytes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SystemMetrics {
    /// The limit in processors, rounded up; the number of processors where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_count: Option<u64>,
    /// Percent of the limit in use, 0 to 100, on average over about 5 s; 0 before the first window is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_used_pct: Option<f64>,
    /// The limit; the host's memory where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mem_total: Option<u64>,
    /// In use, page cache included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mem_used: Option<u64>,
    /// Page cache within that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mem_cache: Option<u64>,
    /// The size of `/`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_total: Option<u64>,
    /// In use there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_used: Option<u64>,
    /// Free there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_free: Option<u64>,
    /// When this was so: RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    /// The same in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp_unix: Option<i64>,
}
