//! Tells those who wait for a sandbox that its record has changed.
//!
//! Only for speed: a waiter also looks for itself now and then, since a change may be another
//! process's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use paddock_store::SandboxRecord;
use paddock_types::SandboxId;
use tokio::sync::watch;

type News = Option<Arc<SandboxRecord>>;

/// The waiters of all sandboxes. A sandbox without waiters takes no room.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    waiters: Mutex<HashMap<SandboxId, watch::Sender<News>>>,
}

/// Waits for one sandbox.
pub(crate) struct Watcher<'c> {
    id: SandboxId,
    news: Option<watch::Receiver<News>>,
    changes: &'c Changes,
}

impl Changes {
    /// Tells the waiters of this sandbox.
    pub(crate) fn publish(&self, record: &SandboxRecord) {
        let waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = waiters.get(&record.id) {
            sender.send_replace(Some(Arc::new(record.clone())));
        }
    }

    /// Begins to wait: changes from now on are not missed.
    pub(crate) fn watch(&self, id: SandboxId) -> Watcher<'_> {
        let mut waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        let news = waiters.entry(id).or_insert_with(|| watch::channel(None).0).subscribe();
        Watcher { id, news: Some(news), changes: self }
    }
}

impl Watcher<'_> {
    /// The next change. Never ends without one.
    pub(crate) async fn next(&mut self) -> Arc<SandboxRecord> {
        loop {
            if let Some(news) = &mut self.news
                && news.changed().await.is_ok()
            {
                if let Some(record) = news.borrow_and_update().clone() {
                    return record;
                }
            } else {
                // The sender lives as long as a waiter does.
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Drop for Watcher<'_> {
    fn drop(&mut self) {
        let mut waiters = self.changes.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.news.take());
        if waiters.get(&self.id).is_some_and(|sender| sender.receiver_count() == 0) {
            waiters.remove(&self.id);
        }
    }
}
