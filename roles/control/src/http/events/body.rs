//! An event as it goes over the wire: its name and its payload, made by the code that answers GET.
//!
//! A sandbox holds addresses as its reader should see them, so the text is made for a listener. The first
//! one made is kept: nearly always all listeners see the same addresses.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use axum::extract::ws::Utf8Bytes;
use paddock_wire_control::{
    DesiredStateUpdated, SandboxStateUpdated, SnapshotStateUpdated, VolumeStateUpdated,
};

use super::packet;
use crate::app::App;
use crate::app::events::Event;
use crate::http::{sandbox, snapshot, volume};
use crate::urls::Urls;

/// What an event weighs beside the texts of its object: names, times, states.
const FRAME_BYTES: usize = 2048;

/// An event on its way to listeners.
#[derive(Debug)]
pub(super) struct Body {
    event: Event,
    weight: usize,
    /// What all bodies weigh that somebody holds.
    all: Arc<AtomicUsize>,
    made: OnceLock<(Urls, Utf8Bytes)>,
}

impl Body {
    /// Counts in `all` as long as it lives.
    pub(super) fn new(event: Event, all: &Arc<AtomicUsize>) -> Self {
        let texts: usize = match &event {
            Event::SandboxCreated(sandbox)
            | Event::SandboxState { sandbox, .. }
            | Event::SandboxDesiredState { sandbox, .. } => {
                let env = sandbox.env.iter().map(|(name, value)| name.as_str().len() + value.len());
                let labels = sandbox.labels.iter().map(|(name, value)| name.len() + value.len());
                env.chain(labels).sum()
            }
            Event::SnapshotCreated(_)
            | Event::SnapshotRemoved(_)
            | Event::SnapshotState { .. }
            | Event::VolumeCreated(_)
            | Event::VolumeState { .. }
            | Event::VolumeUsed(_) => 0,
        };
        // The record and the text made of it.
        let weight = FRAME_BYTES + 2 * texts;
        all.fetch_add(weight, Ordering::AcqRel);
        Self { event, weight, all: Arc::clone(all), made: OnceLock::new() }
    }

    /// About how many bytes it holds in memory.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// The frame for a listener who sees these addresses.
    pub(super) fn text(&self, app: &App, urls: &Urls) -> Utf8Bytes {
        let (seen, text) = self.made.get_or_init(|| (urls.clone(), self.make(app, urls)));
        if seen == urls { text.clone() } else { self.make(app, urls) }
    }

    fn make(&self, app: &App, urls: &Urls) -> Utf8Bytes {
        let text = match &self.event {
            Event::SandboxCreated(record) => {
                packet::event("sandbox.created", &sandbox::show(app, (**record).clone(), urls))
            }
            Event::SandboxState { sandbox: record, old } => packet::event(
                "sandbox.state.updated",
                &SandboxStateUpdated {
                    old_state: *old,
                    new_state: record.status.state,
                    sandbox: sandbox::show(app, (**record).clone(), urls),
                },
            ),
            Event::SandboxDesiredState { sandbox: record, old } => packet::event(
                "sandbox.desired-state.updated",
                &DesiredStateUpdated {
                    old_desired_state: *old,
                    new_desired_state: record.status.desired,
                    sandbox: sandbox::show(app, (**record).clone(), urls),
                },
            ),
            Event::SnapshotCreated(record) => {
                packet::event("snapshot.created", &snapshot::show(app, (**record).clone()))
            }
            Event::SnapshotRemoved(record) => {
                packet::event("snapshot.removed", &snapshot::show(app, (**record).clone()))
            }
            Event::SnapshotState { snapshot: record, old } => packet::event(
                "snapshot.state.updated",
                &SnapshotStateUpdated {
                    old_state: *old,
                    new_state: record.state,
                    snapshot: snapshot::show(app, (**record).clone()),
                },
            ),
            Event::VolumeCreated(record) => {
                packet::event("volume.created", &volume::show((**record).clone()))
            }
            Event::VolumeState { volume: record, old } => packet::event(
                "volume.state.updated",
                &VolumeStateUpdated {
                    old_state: *old,
                    new_state: record.state,
                    volume: volume::show((**record).clone()),
                },
            ),
            Event::VolumeUsed(record) => {
                packet::event("volume.lastUsedAt.updated", &volume::show((**record).clone()))
            }
        };
        text.into()
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.all.fetch_sub(self.weight, Ordering::AcqRel);
    }
}
