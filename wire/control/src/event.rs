//! What the event stream carries beside whole objects: an object with what changed about it.

use paddock_types::{DesiredState, SandboxState, SnapshotState, VolumeState};
use serde::Serialize;

use crate::{Sandbox, SnapshotDto, VolumeDto};

/// The payload of `sandbox.state.updated`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SandboxStateUpdated {
    /// As it was then; the strictest client drops an event whose sandbox is not whole.
    pub sandbox: Sandbox,
    /// The shown state before.
    pub old_state: SandboxState,
    /// The shown state since then.
    pub new_state: SandboxState,
}

/// The payload of `sandbox.desired-state.updated`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DesiredStateUpdated {
    /// As it was then.
    pub sandbox: Sandbox,
    /// What it should have become before.
    pub old_desired_state: DesiredState,
    /// What it should become since then.
    pub new_desired_state: DesiredState,
}

/// The payload of `snapshot.state.updated`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotStateUpdated {
    /// As it was then.
    pub snapshot: SnapshotDto,
    /// The state before.
    pub old_state: SnapshotState,
    /// The state since then.
    pub new_state: SnapshotState,
}

/// The payload of `volume.state.updated`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeStateUpdated {
    /// As it was then.
    pub volume: VolumeDto,
    /// The state before.
    pub old_state: VolumeState,
    /// The state since then.
    pub new_state: VolumeState,
}
