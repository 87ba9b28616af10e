//! What the daemon says about itself: version and directories.

use serde::{Deserialize, Serialize};

/// Answer of `GET /version`, which is also the readiness probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionResponse {
    /// `X.Y.Z`.
    pub version: String,
}

/// Answer of `GET /work-dir`, `/user-home-dir` and `/project-dir`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DirResponse {
    /// An absolute path.
    pub dir: String,
}
