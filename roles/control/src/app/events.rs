//! What happened to objects, told to whoever listens.
//!
//! An event is published after the change behind it is durable, so whoever reads after it sees at least that
//! state. Events of one sandbox come in the order of its changes (see [`super::changes`]).
//!
//! Only changes that this process makes are heard. A new kind of object needs a variant here and its line
//! in `http/events/body.rs`; telling of a change is then one line beside its commit:
//! `app.events.publish(Event::SnapshotState { .. })`.

use std::sync::{Arc, PoisonError, RwLock};

use paddock_store::{SandboxRecord, SnapshotRecord, VolumeRecord};
use paddock_types::{DesiredState, OrganizationId, SandboxState, SnapshotState, VolumeState};

/// Something that happened.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A sandbox was wished.
    SandboxCreated(Arc<SandboxRecord>),
    /// A sandbox is shown in another state than `old`.
    SandboxState { sandbox: Arc<SandboxRecord>, old: SandboxState },
    /// A sandbox should become something else than `old`.
    SandboxDesiredState { sandbox: Arc<SandboxRecord>, old: DesiredState },
    /// A snapshot was wished.
    SnapshotCreated(Arc<SnapshotRecord>),
    /// A snapshot is gone; this is what it was.
    SnapshotRemoved(Arc<SnapshotRecord>),
    /// A snapshot is in another state than `old`.
    SnapshotState { snapshot: Arc<SnapshotRecord>, old: SnapshotState },
    /// A volume was wished.
    VolumeCreated(Arc<VolumeRecord>),
    /// A volume is in another state than `old`.
    VolumeState { volume: Arc<VolumeRecord>, old: VolumeState },
    /// A sandbox that mounts a volume has started.
    VolumeUsed(Arc<VolumeRecord>),
}

/// Whom an event is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// The organization that owns the object.
    Organization(OrganizationId),
    /// Every organization: the object is shared.
    Everybody,
}

/// Who passes events on.
pub(crate) trait EventSink: Send + Sync {
    /// Takes an event. Called with locks held: must neither wait nor do more than note it.
    fn deliver(&self, event: Event);

    /// Some key of this organization is not good any more.
    fn keys_changed(&self, organization: OrganizationId);
}

/// The sinks of all events.
#[derive(Default)]
pub(crate) struct Events {
    sinks: RwLock<Vec<Arc<dyn EventSink>>>,
}

impl Event {
    pub(crate) fn audience(&self) -> Audience {
        match self {
            Self::SandboxCreated(sandbox)
            | Self::SandboxState { sandbox, .. }
            | Self::SandboxDesiredState { sandbox, .. } => Audience::Organization(sandbox.organization),
            Self::SnapshotCreated(snapshot)
            | Self::SnapshotRemoved(snapshot)
            | Self::SnapshotState { snapshot, .. } => {
                snapshot.organization.map_or(Audience::Everybody, Audience::Organization)
            }
            Self::VolumeCreated(volume) | Self::VolumeState { volume, .. } | Self::VolumeUsed(volume) => {
                Audience::Organization(volume.organization)
            }
        }
    }
}

impl Events {
    /// From now on this sink gets every event.
    pub(crate) fn add(&self, sink: Arc<dyn EventSink>) {
        self.sinks.write().unwrap_or_else(PoisonError::into_inner).push(sink);
    }

    /// Tells of a change that is durable.
    pub(crate) fn publish(&self, event: Event) {
        for sink in self.sinks.read().unwrap_or_else(PoisonError::into_inner).iter() {
            sink.deliver(event.clone());
        }
    }

    /// Tells that a key was revoked.
    pub(crate) fn keys_changed(&self, organization: OrganizationId) {
        for sink in self.sinks.read().unwrap_or_else(PoisonError::into_inner).iter() {
            sink.keys_changed(organization);
        }
    }
}
