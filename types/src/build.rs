//! What an image is built from.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A build as its owner asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildInfo {
    /// Names what comes of it: equal Dockerfiles with equal contexts have one name.
    pub reference: String,
    /// The Dockerfile.
    pub dockerfile: String,
    /// The contexts, by the names that they were uploaded under.
    pub context_hashes: Vec<String>,
    /// Whether a sandbox of it runs as whom the image says, since its maker said nothing.
    #[serde(default)]
    pub takes_user_of_image: bool,
    /// Since when it is asked for.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub updated_at: Timestamp,
}
