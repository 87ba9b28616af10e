//! An open socket.
//!
//! One task owns a socket and both sends and receives on it. While it does either, the socket reads:
//! so a ping is answered although a large frame is on its way, and a peer's close is seen at once.
//! What it reads while it sends waits here, one message at most; then it stops reading, and the
//! peer is held back by its connection.

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::ws::{Message, Utf8Bytes, WebSocket};
use bytes::Bytes;
use futures_util::{Sink, Stream, StreamExt};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::{Close, Closed};

/// Shorter than the idle timeouts of proxies and of Go clients.
const PING_PERIOD: Duration = Duration::from_secs(25);

/// How long one frame may take to be taken by the peer. Guessed: clients that do not read cannot
/// answer pings either, and give up after 40 s themselves.
const SEND_LIMIT: Duration = Duration::from_secs(120);

/// How long a close waits for what is still being sent and for the peer's own close: a slow reader has to read all
/// that lies before it.
const CLOSE_LIMIT: Duration = Duration::from_secs(30);

/// The same while the toolbox stops, which takes five seconds at most.
const STOPPING_CLOSE_LIMIT: Duration = Duration::from_secs(4);

/// A message of the peer's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Incoming {
    Text(Utf8Bytes),
    Binary(Bytes),
}

impl Incoming {
    /// The content, whatever kind of message it came as.
    pub(crate) fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(text) => text.into(),
            Self::Binary(bytes) => bytes,
        }
    }
}

/// A WebSocket with a peer, used by one task.
pub(crate) struct Socket {
    inner: WebSocket,
    /// Read while something was being sent.
    waiting: Option<Incoming>,
    pings: Interval,
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Held for as long as the socket is open.
    _open: TaskTrackerToken,
}

impl Socket {
    pub(super) fn new(inner: WebSocket, stopping: CancellationToken, open: TaskTrackerToken) -> Self {
        let mut pings = interval_at(Instant::now() + PING_PERIOD, PING_PERIOD);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { inner, waiting: None, pings, stopping: Box::pin(stopping.cancelled_owned()), _open: open }
    }

    /// The peer's next message; waits for one. May be cancelled: nothing is lost.
    pub(crate) async fn receive(&mut self) -> Result<Incoming, Closed> {
        match self.waiting.take() {
            Some(message) => Ok(message),
            None => poll_fn(|cx| self.poll_incoming(cx)).await,
        }
    }

    /// Sends one binary message and waits until it has been handed to the kernel, two minutes at
    /// most. If it is cancelled, the message may or may not go out, whole either way.
    pub(crate) async fn send_binary(&mut self, bytes: impl Into<Bytes>) -> Result<(), Closed> {
        self.send(Message::Binary(bytes.into())).await
    }

    /// As [`Socket::send_binary`], for text.
    pub(crate) async fn send_text(&mut self, text: impl Into<Utf8Bytes>) -> Result<(), Closed> {
        self.send(Message::Text(text.into())).await
    }

    /// Closes as `outcome` says: with the wanted code, or with the code that belongs to what has gone
    /// wrong. Waits a few seconds for the peer's own close, so that the code passes through proxies.
    pub(crate) async fn finish(mut self, outcome: Result<Close, Closed>) {
        let close = match outcome {
            Ok(close) => Some(close),
            Err(Closed::Stuck) => return,
            Err(closed) => closed.close(),
        };
        let Self { inner, stopping, .. } = &mut self;
        let goodbye = async {
            if let Some(close) = close
                && inner.send(Message::Close(Some(close.into_frame()))).await.is_err()
            {
                return;
            }
            // The peer's close, and ours in answer to the peer's; what else comes is not wanted.
            while let Some(Ok(_)) = inner.next().await {}
        };
        let hurry = async {
            stopping.await;
            sleep(STOPPING_CLOSE_LIMIT).await;
        };
        // A peer that does not answer has had its time.
        tokio::select! {
            () = goodbye => {}
            () = sleep(CLOSE_LIMIT) => {}
            () = hurry => {}
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), Closed> {
        let mut message = Some(message);
        let mut limit = pin!(sleep(SEND_LIMIT));
        poll_fn(|cx| {
            if self.waiting.is_none()
                && let Poll::Ready(incoming) = self.poll_incoming(cx)
            {
                self.waiting = Some(incoming?);
            }
            // A peer that neither reads nor lets the toolbox read must not hold up its stop.
            if self.waiting.is_some() && self.stopping.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(Closed::Stopping));
            }
            let mut inner = Pin::new(&mut self.inner);
            if message.is_some()
                && let Poll::Ready(ready) = inner.as_mut().poll_ready(cx)
            {
                ready.map_err(|_| Closed::ByPeer)?;
                if let Some(message) = message.take() {
                    inner.as_mut().start_send(message).map_err(|_| Closed::ByPeer)?;
                }
            }
            match inner.poll_flush(cx) {
                Poll::Ready(Ok(())) if message.is_none() => Poll::Ready(Ok(())),
                Poll::Ready(Err(_)) => Poll::Ready(Err(Closed::ByPeer)),
                Poll::Ready(Ok(())) | Poll::Pending => limit.as_mut().poll(cx).map(|()| Err(Closed::Stuck)),
            }
        })
        .await
    }

    /// Reads the next message, answers pings, and sends one when it is time.
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming, Closed>> {
        if self.stopping.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(Closed::Stopping));
        }
        let mut inner = Pin::new(&mut self.inner);
        if self.pings.poll_tick(cx).is_ready() {
            // Polled again for the next period, so that the timer knows this task.
            let _ = self.pings.poll_tick(cx);
            // While a frame is on its way there is no silence to break.
            if let Poll::Ready(Ok(())) = inner.as_mut().poll_ready(cx) {
                let ping = Message::Ping(Bytes::new());
                inner.as_mut().start_send(ping).map_err(|_| Closed::ByPeer)?;
            }
        }
        loop {
            match inner.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(Message::Text(text)))) => return Poll::Ready(Ok(Incoming::Text(text))),
                Poll::Ready(Some(Ok(Message::Binary(bytes)))) => {
                    return Poll::Ready(Ok(Incoming::Binary(bytes)));
                }
                // The answer to a ping is sent by the next poll.
                Poll::Ready(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
                Poll::Ready(Some(Ok(Message::Close(_))) | None) => return Poll::Ready(Err(Closed::ByPeer)),
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Err(Closed::Broken)),
                Poll::Pending => break,
            }
        }
        // That nothing can be written any more is told by the next send, or by the end of what is read:
        // a peer that has gone may have left messages.
        let _ = inner.poll_flush(cx);
        Poll::Pending
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").finish_non_exhaustive()
    }
}
