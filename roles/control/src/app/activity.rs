//! Uses of sandboxes, keys and snapshots that are not written down yet.
//!
//! Every toolbox request is a use; writing each down would be one durable commit per request. They
//! are kept here and written together at each scan of the timers and at the end. A crash forgets at most that.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use paddock_store::{Store, StoreError};
use paddock_types::{ApiKeyId, SandboxId, SnapshotId, Timestamp};

/// The most uses of one transaction: it must not hold up others for long.
const LARGEST_FLUSH: usize = 500;

/// What was used when.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    sandboxes: Uses<SandboxId>,
    keys: Uses<ApiKeyId>,
    snapshots: Uses<SnapshotId>,
}

#[derive(Debug)]
struct Uses<Id>(Mutex<HashMap<Id, Timestamp>>);

impl<Id> Default for Uses<Id> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<Id: Copy + Eq + Hash> Uses<Id> {
    fn note(&self, id: Id, at: Timestamp) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        uses.entry(id).and_modify(|last| *last = at.max(*last)).or_insert(at);
    }

    fn get(&self, id: Id) -> Option<Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
    }

    fn shift(&self, milliseconds: i64) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        uses.values_mut().for_each(|at| at.0 = at.0.saturating_add(milliseconds));
    }

    fn take(&self) -> Vec<(Id, Timestamp)> {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let some: Vec<(Id, Timestamp)> = uses.iter().map(|(id, at)| (*id, *at)).take(LARGEST_FLUSH).collect();
        for (id, _) in &some {
            uses.remove(id);
        }
        some
    }
}

impl Activity {
    pub(crate) fn sandbox_used(&self, id: SandboxId, at: Timestamp) {
        self.sandboxes.note(id, at);
    }

    pub(crate) fn key_used(&self, id: ApiKeyId, at: Timestamp) {
        self.keys.note(id, at);
    }

    pub(crate) fn snapshot_used(&self, id: SnapshotId, at: Timestamp) {
        self.snapshots.note(id, at);
    }

    /// The last use of a sandbox that is not written down yet.
    pub(crate) fn of_sandbox(&self, id: SandboxId) -> Option<Timestamp> {
        self.sandboxes.get(id)
    }

    /// The clock was set by so much: what was used a minute ago was used a minute ago.
    pub(crate) fn shift(&self, milliseconds: i64) {
        self.sandboxes.shift(milliseconds);
    }

    /// Writes everything down. What could not be written is kept for the next time.
    pub(crate) async fn flush(&self, store: &Store) -> Result<(), StoreError> {
        loop {
            let (sandboxes, keys, snapshots) =
                (self.sandboxes.take(), self.keys.take(), self.snapshots.take());
            if sandboxes.is_empty() && keys.is_empty() && snapshots.is_empty() {
                return Ok(());
            }
            let outcome = store.record_activity(sandboxes.clone(), keys.clone(), snapshots.clone()).await;
            if let Err(error) = outcome {
                sandboxes.into_iter().for_each(|(id, at)| self.sandboxes.note(id, at));
                keys.into_iter().for_each(|(id, at)| self.keys.note(id, at));
                snapshots.into_iter().for_each(|(id, at)| self.snapshots.note(id, at));
                return Err(error);
            }
        }
    }
}
