//! What is so, and who wants to hear of changes.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use paddock_types::{ObjectId, SandboxId};
use paddock_wire_runner::{Event, Observation, Observed, RootStatus};
use tokio::sync::broadcast;

/// Events that a slow listener may be behind before it is cut off (and comes back for the whole state).
const BACKLOG: usize = 4096;

/// The newest observation of everything, and its listeners.
#[derive(Debug)]
pub(crate) struct Hub {
    state: Mutex<State>,
    changes: broadcast::Sender<Event>,
}

#[derive(Debug, Default)]
struct State {
    sandboxes: BTreeMap<SandboxId, Observation>,
    roots: BTreeMap<String, RootStatus>,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::default(), changes: broadcast::channel(BACKLOG).0 }
    }

    /// A sandbox is now so. Nothing is sent when it was so before. [`Observed::Absent`] is said and forgotten.
    pub(crate) fn report(&self, observation: Observation) {
        let mut state = self.state();
        if state.sandboxes.get(&observation.id) == Some(&observation) {
            return;
        }
        let previous = state.sandboxes.get(&observation.id).map(|known| known.state);
        tracing::info!(
            sandbox.id = %observation.id,
            from = ?previous,
            to = ?observation.state,
            reason = observation.reason.as_deref().unwrap_or_default(),
            "sandbox changed"
        );
        if observation.state == Observed::Absent {
            state.sandboxes.remove(&observation.id);
        } else {
            state.sandboxes.insert(observation.id, observation.clone());
        }
        // Sent under the lock, so that a new listener sees it exactly once: in its snapshot or after it.
        let _ = self.changes.send(Event::Sandbox(observation));
    }

    /// A root file system is now so.
    pub(crate) fn report_root(&self, status: RootStatus) {
        let mut state = self.state();
        state.roots.insert(status.root.to_string(), status.clone());
        let _ = self.changes.send(Event::Root(status));
    }

    /// No sandbox is made of a root with this layer any more.
    pub(crate) fn forget_roots(&self, layer: ObjectId) {
        self.state().roots.retain(|_, status| status.root.layers.iter().all(|known| known.id != layer));
    }

    /// What is so now, and everything that changes from now on.
    pub(crate) fn subscribe(&self) -> (Vec<Event>, broadcast::Receiver<Event>) {
        let state = self.state();
        let roots = state.roots.values().cloned().map(Event::Root);
        let sandboxes = state.sandboxes.values().cloned().map(Event::Sandbox);
        (roots.chain(sandboxes).collect(), self.changes.subscribe())
    }

    /// The newest observation of one sandbox.
    pub(crate) fn get(&self, id: SandboxId) -> Option<Observation> {
        self.state().sandboxes.get(&id).cloned()
    }

    /// The newest observation of all sandboxes.
    pub(crate) fn all(&self) -> Vec<Observation> {
        self.state().sandboxes.values().cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
