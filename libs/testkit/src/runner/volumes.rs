//! The fake host's volumes.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use paddock_types::VolumeId;
use paddock_wire_runner::{DesiredVolume, VolumeReport, VolumeSight};

/// What is there, and what goes wrong from now on.
#[derive(Default)]
pub(super) struct Volumes(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    present: BTreeSet<VolumeId>,
    failure: Option<String>,
    is_held: bool,
}

impl Volumes {
    /// Does what is wished, unless told otherwise.
    pub(super) fn receive(&self, id: VolumeId, desired: DesiredVolume) -> VolumeReport {
        let mut inner = self.lock();
        let state = match (&inner.failure, desired) {
            _ if inner.is_held => VolumeSight::Working,
            (Some(reason), _) => VolumeSight::Failed { reason: reason.clone() },
            (None, DesiredVolume::Present) => {
                inner.present.insert(id);
                VolumeSight::Present
            }
            (None, DesiredVolume::Absent) => {
                inner.present.remove(&id);
                VolumeSight::Absent
            }
        };
        VolumeReport { id, state }
    }

    pub(super) fn set_failure(&self, reason: Option<String>) {
        self.lock().failure = reason;
    }

    pub(super) fn set_held(&self, is_held: bool) {
        self.lock().is_held = is_held;
    }

    pub(super) fn all(&self) -> BTreeSet<VolumeId> {
        self.lock().present.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
