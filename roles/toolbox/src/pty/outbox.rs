//! What a client has still to be sent: a bounded queue that the terminal fills and a socket empties.
//!
//! When a client's queue is full the terminal is read no further for a moment, so that a client that reads as
//! fast as it can sees a flood to its end. One that has not made room after that moment is left
//! behind, and the terminal goes on.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use paddock_wire_toolbox::PtyExit;
use tokio::sync::Notify;
use tokio::time::timeout;

/// A queue that is longer is full.
const FULL_BYTES: usize = 1 << 20;

/// The terminal goes on when no more than this is left.
const ROOM_BYTES: usize = FULL_BYTES / 2;

/// How long the terminal waits for a full queue at most.
const PATIENCE: Duration = Duration::from_secs(1);

/// The largest message to a client.
const LONGEST_MESSAGE: usize = 64 << 10;

/// What a client is sent next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Output of the terminal.
    Output(Bytes),
    /// The terminal has ended, and all its output has been taken.
    Ended(PtyExit),
    /// The client was too slow, and output is missing from here on.
    LeftBehind,
}

/// The queue of one client.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    state: Mutex<State>,
    /// There is something to take.
    filled: Notify,
    /// There is room again, or nobody takes anything any more.
    emptied: Notify,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Bytes>,
    queued_bytes: usize,
    end: Option<PtyExit>,
    is_left_behind: bool,
    /// The socket has gone.
    is_abandoned: bool,
}

impl Outbox {
    /// Adds output. Waits a moment if the queue is full. False if the client is not to be served any more.
    pub(super) async fn push(&self, output: Bytes) -> bool {
        let is_full = {
            let mut state = self.lock();
            if state.is_abandoned || state.is_left_behind {
                return false;
            }
            state.queued_bytes += output.len();
            state.queue.push_back(output);
            state.queued_bytes > FULL_BYTES
        };
        self.filled.notify_one();
        if is_full && timeout(PATIENCE, self.room()).await.is_err() {
            let mut state = self.lock();
            state.is_left_behind = true;
            state.queue = VecDeque::new();
            self.filled.notify_one();
            return false;
        }
        true
    }

    /// The terminal has ended.
    pub(super) fn end(&self, exit: PtyExit) {
        self.lock().end = Some(exit);
        self.filled.notify_one();
    }

    /// Waits for what is to be sent next. May be cancelled: nothing is lost.
    pub(super) async fn next(&self) -> Next {
        loop {
            if let Some(next) = self.take() {
                return next;
            }
            self.filled.notified().await;
        }
    }

    /// Waits until the client has been left behind.
    pub(super) async fn left_behind(&self) {
        loop {
            if self.lock().is_left_behind {
                return;
            }
            self.filled.notified().await;
        }
    }

    /// The socket has gone: nothing is kept for it.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.is_abandoned = true;
        state.queue = VecDeque::new();
        drop(state);
        self.emptied.notify_one();
    }

    fn take(&self) -> Option<Next> {
        let mut state = self.lock();
        if state.is_left_behind {
            return Some(Next::LeftBehind);
        }
        let Some(first) = state.queue.pop_front() else { return state.end.clone().map(Next::Ended) };
        let mut message = BytesMut::from(first);
        while let Some(more) = state.queue.front()
            && message.len() + more.len() <= LONGEST_MESSAGE
        {
            message.extend_from_slice(more);
            state.queue.pop_front();
        }
        state.queued_bytes -= message.len();
        if state.queued_bytes <= ROOM_BYTES {
            self.emptied.notify_one();
        }
        Some(Next::Output(message.freeze()))
    }

    async fn room(&self) {
        loop {
            {
                let state = self.lock();
                if state.is_abandoned || state.queued_bytes <= ROOM_BYTES {
                    return;
                }
            }
            self.emptied.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while it was held cannot have left it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All clients of a terminal.
#[derive(Debug, Default)]
pub(super) struct Outboxes(Mutex<Vec<Arc<Outbox>>>);

impl Outboxes {
    /// A new client, which gets all output from here on.
    pub(super) fn open(&self) -> Arc<Outbox> {
        let outbox = Arc::new(Outbox::default());
        self.lock().push(Arc::clone(&outbox));
        outbox
    }

    /// Adds output to every client's queue, and forgets those that are gone or left behind.
    pub(super) async fn push(&self, output: &Bytes) {
        let outboxes = self.lock().clone();
        for outbox in outboxes {
            if !outbox.push(output.clone()).await {
                self.lock().retain(|known| !Arc::ptr_eq(known, &outbox));
            }
        }
    }

    /// Tells every client that the terminal has ended.
    pub(super) fn end(&self, exit: &PtyExit) {
        for outbox in self.lock().drain(..) {
            outbox.end(exit.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Outbox>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pty::exit::exit;

    #[tokio::test]
    async fn output_comes_in_order_and_before_the_end() {
        let outboxes = Outboxes::default();
        let outbox = outboxes.open();
        outboxes.push(&Bytes::from_static(b"one ")).await;
        outboxes.push(&Bytes::from_static(b"two")).await;
        outboxes.end(&exit(3));
        assert_eq!(outbox.next().await, Next::Output(Bytes::from_static(b"one two")));
        assert_eq!(outbox.next().await, Next::Ended(exit(3)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_is_left_behind_and_others_are_not() {
        let outboxes = Arc::new(Outboxes::default());
        let (slow, quick) = (outboxes.open(), outboxes.open());
        let piece = Bytes::from(vec![7; 4096]);
        let filling = tokio::spawn({
            let (outboxes, piece) = (Arc::clone(&outboxes), piece.clone());
            async move {
                for _ in 0..1000 {
                    outboxes.push(&piece).await;
                }
                outboxes.end(&exit(0));
            }
        });
        let mut read = 0;
        while let Next::Output(output) = quick.next().await {
            assert!(output.len() <= LONGEST_MESSAGE);
            read += output.len();
        }
        filling.await.unwrap();
        assert_eq!(read, 1000 * piece.len());
        slow.left_behind().await;
        assert_eq!(slow.next().await, Next::LeftBehind);
        assert_eq!(slow.lock().queue.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_has_gone_holds_up_nobody() {
        let outboxes = Outboxes::default();
        outboxes.open().abandon();
        let piece = Bytes::from(vec![7; FULL_BYTES + 1]);
        let start = tokio::time::Instant::now();
        outboxes.push(&piece).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(outboxes.lock().len(), 0);
    }
}
