//! What one listener has still to be sent, within bounds.
//!
//! Whoever tells never waits for whoever listens: a listener that lets more lie than its bound allows is
//! cut off, and what lay is dropped.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::body::Body;

/// Why a listener's stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It reads too slowly.
    Slow,
    /// The server stops.
    Stopping,
}

/// What a listener is to do next.
#[derive(Debug)]
pub(super) enum Order {
    /// Send this.
    Send(Arc<Body>),
    /// Look whether its key is still good.
    CheckKey,
    /// End.
    End(End),
}

/// The orders of one listener. One task takes them; any may give them.
#[derive(Debug, Default)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<Arc<Body>>,
    bytes: usize,
    check_key: bool,
    end: Option<End>,
}

impl Queue {
    /// Adds a body; cuts the listener off if it is not the only one and `most_bytes` are exceeded.
    pub(super) fn push(&self, body: &Arc<Body>, most_bytes: usize) {
        let mut inner = self.lock();
        if inner.end.is_some() {
            return;
        }
        let bytes = inner.bytes.saturating_add(body.weight());
        if bytes > most_bytes && !inner.waiting.is_empty() {
            inner.finish(End::Slow);
        } else {
            inner.bytes = bytes;
            inner.waiting.push_back(Arc::clone(body));
        }
        drop(inner);
        self.bell.notify_one();
    }

    /// Asks for a look at the key.
    pub(super) fn check_key(&self) {
        self.lock().check_key = true;
        self.bell.notify_one();
    }

    /// Ends the stream; the first reason stays.
    pub(super) fn end(&self, end: End) {
        let mut inner = self.lock();
        if inner.end.is_none() {
            inner.finish(end);
        }
        drop(inner);
        self.bell.notify_one();
    }

    /// The next order. Nothing is lost if the caller stops waiting.
    pub(super) async fn next(&self) -> Order {
        loop {
            if let Some(order) = self.take() {
                return order;
            }
            self.bell.notified().await;
        }
    }

    /// Waits for the end alone.
    pub(super) async fn ended(&self) -> End {
        loop {
            let end = self.lock().end;
            if let Some(end) = end {
                return end;
            }
            self.bell.notified().await;
        }
    }

    fn take(&self) -> Option<Order> {
        let mut inner = self.lock();
        if let Some(end) = inner.end {
            return Some(Order::End(end));
        }
        if std::mem::take(&mut inner.check_key) {
            return Some(Order::CheckKey);
        }
        let body = inner.waiting.pop_front()?;
        inner.bytes = inner.bytes.saturating_sub(body.weight());
        Some(Order::Send(body))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn finish(&mut self, end: End) {
        self.end = Some(end);
        self.waiting = VecDeque::new();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use paddock_store::SnapshotRecord;
    use paddock_types::{BuiltinSnapshot, OsUser, RootRef, SnapshotId, SnapshotState, Timestamp};

    use super::*;
    use crate::app::events::Event;

    fn body() -> Arc<Body> {
        let snapshot = SnapshotRecord {
            id: SnapshotId::random(),
            organization: None,
            name: "small".to_owned(),
            alias: None,
            root: RootRef::BUILTIN,
            default_user: OsUser::try_from("daytona".to_owned()).unwrap(),
            resources: BuiltinSnapshot::Small.resources(),
            state: SnapshotState::Active,
            error_reason: None,
            size_bytes: None,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            last_used_at: None,
            source: None,
            image_name: None,
            image: Default::default(),
            build: None,
            deactivated_at: None,
        };
        let event = Event::SnapshotState { snapshot: Arc::new(snapshot), old: SnapshotState::Pending };
        Arc::new(Body::new(event, &Arc::default()))
    }

    #[tokio::test]
    async fn what_is_read_in_time_never_cuts_off() {
        let body = body();
        let (queue, most) = (Queue::default(), 2 * body.weight());
        for _ in 0..100 {
            queue.push(&body, most);
            queue.push(&body, most);
            assert!(matches!(queue.next().await, Order::Send(_)));
            assert!(matches!(queue.next().await, Order::Send(_)));
        }
        assert!(queue.next().now_or_never().is_none());
    }

    #[tokio::test]
    async fn one_body_too_many_ends_the_queue_and_empties_it() {
        let body = body();
        let (queue, most) = (Queue::default(), 2 * body.weight());
        for _ in 0..3 {
            queue.push(&body, most);
        }
        assert_eq!(queue.ended().await, End::Slow);
        assert!(matches!(queue.next().await, Order::End(End::Slow)));
        queue.push(&body, most);
        queue.end(End::Stopping);
        assert!(matches!(queue.next().await, Order::End(End::Slow)), "the first reason stays");
        assert_eq!(Arc::strong_count(&body), 1, "nothing is kept for it");
    }

    #[tokio::test]
    async fn a_body_larger_than_the_bound_is_sent_alone() {
        let body = body();
        let queue = Queue::default();
        queue.push(&body, 1);
        assert!(matches!(queue.next().await, Order::Send(_)));
        queue.push(&body, 1);
        queue.push(&body, 1);
        assert!(matches!(queue.next().await, Order::End(End::Slow)));
    }

    #[tokio::test]
    async fn a_look_at_the_key_comes_before_what_is_to_be_sent() {
        let queue = Queue::default();
        queue.push(&body(), 1 << 20);
        queue.check_key();
        assert!(matches!(queue.next().await, Order::CheckKey));
        assert!(matches!(queue.next().await, Order::Send(_)));
    }
}
