//! Whether the server is well.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The process answers. Always `{"status":"ok"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok`.
    pub status: String,
}

/// Whether everything that the server needs is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthReport {
    /// `ok` or `error`.
    pub status: String,
    /// What is up, by name.
    pub info: BTreeMap<String, ServiceHealth>,
    /// What is down, by name.
    pub error: BTreeMap<String, ServiceHealth>,
    /// Both.
    pub details: BTreeMap<String, ServiceHealth>,
}

/// How one service is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceHealth {
    /// `up` or `down`.
    pub status: String,
    /// Why it is down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}
