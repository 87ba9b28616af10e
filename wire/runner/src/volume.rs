//! Volumes, as control and a runner speak of them.

use paddock_types::VolumeId;
use serde::{Deserialize, Serialize};

/// What a volume should become. Without a number: ids are used once, and what was removed is not made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeWish {
    /// There, or not.
    pub desired: DesiredVolume,
}

/// What a volume should become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DesiredVolume {
    /// There, empty unless it was there before.
    Present,
    /// Gone, with all that it holds.
    Absent,
}

/// What a runner says of one volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeReport {
    /// Which.
    pub id: VolumeId,
    /// What is so.
    pub state: VolumeSight,
}

/// How far a runner is with one volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VolumeSight {
    /// It can be mounted.
    Present,
    /// Nothing of it is there.
    Absent,
    /// What was wished is still being done: ask again.
    Working,
    /// What was wished came to nothing. Fit for users.
    Failed {
        /// Why.
        reason: String,
    },
}
