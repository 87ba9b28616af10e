//! Regions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::WireTime;

/// Reference schema `Region`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Region {
    /// What `target` names.
    pub id: String,
    /// A name for people.
    pub name: String,
    /// `shared`, `dedicated` or `custom`.
    pub region_type: String,
    /// Since when.
    #[schema(value_type = String)]
    pub created_at: WireTime,
    /// When it was last changed.
    #[schema(value_type = String)]
    pub updated_at: WireTime,
    /// Where its proxy is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_url: Option<String>,
}
