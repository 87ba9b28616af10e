//! The states of a sandbox: what users wish, what they are shown, and the order of wishes.

use serde::{Deserialize, Serialize};

use crate::spelled::spelled;

spelled! {
    /// A state as clients see it (`spec/control-plane.md` D.1; reference schema `SandboxState`).
    SandboxState {
        /// A build is requested and no runner has it yet.
        PendingBuild => "pending_build",
        /// The image is being built.
        BuildingSnapshot => "building_snapshot",
        /// The build failed; only deletion is left.
        BuildFailed => "build_failed",
        /// The runner is fetching or making the snapshot's root file system.
        PullingSnapshot => "pulling_snapshot",
        /// The sandbox is being made.
        Creating => "creating",
        /// The sandbox is being made again from its archive.
        Restoring => "restoring",
        /// An existing sandbox is booting.
        Starting => "starting",
        /// Running, toolbox ready.
        Started => "started",
        /// On the way to `stopped`.
        Stopping => "stopping",
        /// Not running, files kept.
        Stopped => "stopped",
        /// On the way to `paused`.
        Pausing => "pausing",
        /// Frozen, memory kept.
        Paused => "paused",
        /// On the way from `paused` to `started`.
        Resuming => "resuming",
        /// Moving to cold storage.
        Archiving => "archiving",
        /// In cold storage, off the runner.
        Archived => "archived",
        /// Short maintenance: its size is being changed.
        Resizing => "resizing",
        /// Short maintenance: a snapshot is being taken of it.
        Snapshotting => "snapshotting",
        /// Short maintenance: it is being forked.
        Forking => "forking",
        /// On the way to `destroyed`.
        Destroying => "destroying",
        /// Gone.
        Destroyed => "destroyed",
        /// Failed; see the reason and whether it can be recovered.
        Error => "error",
        /// The record exists and nothing is known of the sandbox yet.
        Unknown => "unknown",
    }
}

spelled! {
    /// What a user wishes a sandbox to be (reference schema `SandboxDesiredState`).
    DesiredState {
        /// Gone.
        Destroyed => "destroyed",
        /// Running.
        Started => "started",
        /// Not running, files kept.
        Stopped => "stopped",
        /// Of another size, then as before.
        Resized => "resized",
        /// In cold storage.
        Archived => "archived",
        /// Frozen.
        Paused => "paused",
    }
}

/// The order of wishes for one sandbox. A later wish is greater. `epoch` changes when the store was
/// restored from an old copy, so that numbers given out twice are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Generation {
    /// The store's epoch: milliseconds since 1970 at which it began.
    pub epoch: u64,
    /// Counts the wishes of one sandbox from 1.
    pub number: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_survives_its_spelling() {
        for &state in SandboxState::ALL {
            assert_eq!(state.as_str().parse::<SandboxState>().unwrap(), state);
            assert_eq!(serde_json::to_string(&state).unwrap(), format!("\"{state}\""));
        }
    }

    #[test]
    fn a_wish_of_a_later_epoch_is_later_whatever_its_number() {
        assert!(Generation { epoch: 2, number: 1 } > Generation { epoch: 1, number: 900 });
    }
}
