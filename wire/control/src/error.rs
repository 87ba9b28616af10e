//! The body of every error.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::WireTime;

/// What every error answer holds (`spec/control-plane.md` A.5). `message` is always one string: an
/// array would lose its text in the Python client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    /// The HTTP status.
    pub status_code: u16,
    /// The reason phrase of the status. The command-line client shows nothing without it.
    pub error: String,
    /// What to show to the user.
    pub message: String,
    /// The path of the request.
    pub path: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: WireTime,
    /// A word for programs, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Which part of the system speaks.
    pub source: ErrorSource,
}

/// Which part of the system an error comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum ErrorSource {
    /// The control plane.
    #[serde(rename = "DAYTONA_API")]
    Api,
    /// The toolbox inside a sandbox.
    #[serde(rename = "DAYTONA_DAEMON")]
    Daemon,
    /// The proxy in between.
    #[serde(rename = "DAYTONA_PROXY")]
    Proxy,
}
