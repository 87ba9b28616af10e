//! Which sandboxes to look at.
//!
//! A set and not a queue: to look once is enough, however often somebody asked.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use paddock_types::SandboxId;
use tokio::sync::Notify;

/// Sandboxes to look at, and who waits for some.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    bell: Notify,
}

/// What is to be looked at.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// These.
    pub(crate) some: HashSet<SandboxId>,
    /// All of them, because nothing is known of any.
    pub(crate) all: bool,
}

impl Queue {
    /// Asks to look at one.
    pub(crate) fn wake(&self, id: SandboxId) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).some.insert(id);
        self.bell.notify_one();
    }

    /// Asks to look at all.
    pub(crate) fn wake_all(&self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).all = true;
        self.bell.notify_one();
    }

    /// Waits until somebody asks. Nothing is lost if the caller stops waiting.
    pub(crate) async fn rings(&self) {
        self.bell.notified().await;
    }

    /// Everything that was asked for.
    pub(crate) fn take(&self) -> Waiting {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
