//! TCP ports inside the sandbox.

use serde::{Deserialize, Serialize};

/// The protocol that a connection switches to with `GET /tunnel/{port}`: after the answer 101 it carries the
/// port's own bytes, both ways. Ours; the reference has none.
pub const TUNNEL_PROTOCOL: &str = "tcp";

/// Reference schema `PortList`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PortList {
    /// TCP ports on which something in the sandbox listens, on any address, ascending, each once.
    pub ports: Vec<u16>,
}

/// Reference schema `IsPortInUseResponse`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct IsPortInUseResponse {
    /// Whether something listens.
    pub is_in_use: bool,
}
