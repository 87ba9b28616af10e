//! The environment that later processes inherit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Body of `POST /env`. Applied in the order `unset`, `unset_value_prefix`, `set`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = UpdateEnvRequest))]
#[serde(rename_all = "camelCase")]
pub struct EnvRequest {
    /// Names and values to set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<BTreeMap<String, String>>,
    /// Names to remove.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unset: Option<Vec<String>>,
    /// Removes each variable whose value begins with this, unless its name is a key of `set`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unset_value_prefix: Option<String>,
}

/// A remark that no client reads, where an answer has to be a JSON object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MessageResponse {
    /// Fit for users.
    pub message: String,
}
