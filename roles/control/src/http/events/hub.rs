//! Who listens: every open socket by its organization, and how many there may be.
//!
//! Invariant: a listener is in the room of the organization of its key and in no other, so that it
//! cannot be given another organization's events.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use paddock_types::OrganizationId;
use tokio_util::sync::CancellationToken;

use super::body::Body;
use super::queue::{End, Queue};
use crate::app::events::{Audience, Event, EventSink};
use crate::config::EventLimits;

/// Every socket of the event stream.
pub(crate) struct Hub {
    pub(super) limits: EventLimits,
    /// Cancelled when no socket is to be open any more.
    pub(super) stopping: CancellationToken,
    open: AtomicUsize,
    /// What all listeners together have still to be sent: a body counts once, whoever waits for it.
    unsent: Arc<AtomicUsize>,
    rooms: Mutex<HashMap<OrganizationId, Vec<Arc<Queue>>>>,
}

/// A place for one socket, given back when dropped.
pub(super) struct Place(Arc<Hub>);

/// A listener in its room, out of it when dropped.
pub(super) struct Listener {
    hub: Arc<Hub>,
    organization: OrganizationId,
    pub(super) queue: Arc<Queue>,
}

impl Hub {
    pub(crate) fn new(limits: EventLimits) -> Self {
        Self {
            limits,
            stopping: CancellationToken::new(),
            open: AtomicUsize::new(0),
            unsent: Arc::default(),
            rooms: Mutex::default(),
        }
    }

    /// Ends every socket, and lets no further one in.
    pub(crate) fn stop(&self) {
        self.stopping.cancel();
        for queue in self.lock().values().flatten() {
            queue.end(End::Stopping);
        }
    }

    /// A place for a socket, if there is one.
    pub(super) fn take_place(self: &Arc<Self>) -> Option<Place> {
        if self.open.fetch_add(1, Ordering::AcqRel) >= self.limits.most_sockets
            || self.stopping.is_cancelled()
        {
            self.open.fetch_sub(1, Ordering::AcqRel);
            return None;
        }
        Some(Place(Arc::clone(self)))
    }

    /// Begins to listen; `None` when the organization has as many listeners as it may, or the server stops.
    pub(super) fn listen(self: &Arc<Self>, organization: OrganizationId) -> Option<Listener> {
        let mut rooms = self.lock();
        let room = rooms.entry(organization).or_default();
        if room.len() >= self.limits.most_sockets_of_organization || self.stopping.is_cancelled() {
            return None;
        }
        let queue = Arc::new(Queue::default());
        room.push(Arc::clone(&queue));
        Some(Listener { hub: Arc::clone(self), organization, queue })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OrganizationId, Vec<Arc<Queue>>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventSink for Hub {
    fn deliver(&self, event: Event) {
        let rooms = self.lock();
        let audience = event.audience();
        let body = Arc::new(Body::new(event, &self.unsent));
        let is_crowded = self.unsent.load(Ordering::Acquire) > self.limits.most_unsent_bytes_of_all;
        let most = if is_crowded { 0 } else { self.limits.most_unsent_bytes };
        match audience {
            Audience::Organization(organization) => {
                rooms.get(&organization).into_iter().flatten().for_each(|queue| queue.push(&body, most));
            }
            Audience::Everybody => rooms.values().flatten().for_each(|queue| queue.push(&body, most)),
        }
    }

    fn keys_changed(&self, organization: OrganizationId) {
        self.lock().get(&organization).into_iter().flatten().for_each(|queue| queue.check_key());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut rooms = self.hub.lock();
        if let Some(room) = rooms.get_mut(&self.organization) {
            room.retain(|queue| !Arc::ptr_eq(queue, &self.queue));
            if room.is_empty() {
                rooms.remove(&self.organization);
            }
        }
    }
}
