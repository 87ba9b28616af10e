//! The life of one socket: greeting, CONNECT, events and heartbeats, end.
//!
//! ```text
//! open ──▶ waits for CONNECT ──▶ listens ──▶ closed
//!             │ refused, late       │ no pong, reads too slowly, floods, key not good any more
//!             └─────────────────────┴──▶ closed
//! ```
//!
//! A socket costs its own task and nobody's patience: every wait here has an end, and what it may hold
//! is bounded by [`super::queue`] and by the longest message.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use paddock_store::KeyHash;
use paddock_types::Timestamp;
use tokio::time::{Instant, sleep_until, timeout};

use super::hub::{Hub, Listener};
use super::packet::{self, Packet};
use super::queue::{End, Order};
use crate::app::error::chain;
use crate::app::{App, Error};
use crate::auth::{Caller, secret};
use crate::clock;
use crate::urls::Urls;

/// How long a good bye may take.
const GOOD_BYE: Duration = Duration::from_secs(1);
/// The most messages that a client may send between two heartbeats: it has to send one.
const MOST_MESSAGES: u32 = 100;
/// The longest time that is measured in one piece, so that no sum overflows.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// Why a socket is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Close {
    /// The client has closed it, or nothing can be sent any more.
    Gone,
    /// The client said good bye, or was told why it is refused.
    Done,
    /// It did not connect, or did not answer a heartbeat, in time.
    Silent,
    /// It does not read.
    Slow,
    /// It sends what no client of the protocol sends, or too much.
    Wrong,
    /// Its key is not good any more.
    Revoked,
    /// The server stops.
    Stopping,
}

/// One socket.
pub(super) struct Session {
    pub(super) app: App,
    pub(super) hub: Arc<Hub>,
    /// The addresses as this client should see them.
    pub(super) urls: Urls,
    pub(super) socket: WebSocket,
}

/// The key behind a listener.
struct Key {
    hash: KeyHash,
    /// When to look at it again at the latest.
    expires: Option<Instant>,
}

impl Session {
    /// Serves the socket to its end.
    pub(super) async fn serve(mut self) {
        let close = match self.greet().await {
            Ok((listener, key)) => self.listen(listener, key).await,
            Err(close) => close,
        };
        tracing::debug!(?close, "an event stream ended");
        let Some((code, reason)) = close.frame() else { return };
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        // The peer may be gone or deaf; the connection ends with the socket either way.
        drop(timeout(GOOD_BYE, self.socket.send(Message::Close(Some(frame)))).await);
    }

    /// From opening to a listener in its room.
    async fn greet(&mut self) -> Result<(Listener, Key), Close> {
        let (interval, patience) = (self.hub.limits.ping_interval, self.hub.limits.ping_timeout);
        let deadline = Instant::now() + self.hub.limits.connect_timeout;
        self.send(packet::open(&secret::session_id(), interval, patience).into()).await?;
        let mut messages = 0;
        loop {
            let stopping = self.hub.stopping.clone();
            let received = tokio::select! {
                received = self.socket.recv() => received,
                () = sleep_until(deadline) => return Err(Close::Silent),
                () = stopping.cancelled() => return Err(Close::Stopping),
            };
            messages += 1;
            match read(received)? {
                _ if messages > MOST_MESSAGES => return Err(Close::Wrong),
                Packet::Connect { token } => return self.connect(token).await,
                Packet::ConnectElsewhere { namespace } => {
                    self.send(packet::refused(&namespace, "Invalid namespace").into()).await?;
                }
                Packet::Disconnect => return Err(Close::Done),
                Packet::Pong | Packet::Idle => {}
                Packet::Wrong => return Err(Close::Wrong),
            }
        }
    }

    /// Checks the token and opens the room. The listener is in it before the client is told, so that
    /// nothing that happens after the answer is missed.
    async fn connect(&mut self, token: Option<String>) -> Result<(Listener, Key), Close> {
        let outcome = match &token {
            Some(token) => Caller::present(&self.app, token).await,
            None => Err(Error::Unauthenticated),
        };
        let caller = match outcome {
            Ok(caller) => caller,
            Err(error) => return Err(self.refuse(refusal(&error)).await),
        };
        let Some(listener) = self.hub.listen(caller.organization()) else {
            return Err(self.refuse("too many event streams of this organization").await);
        };
        self.send(packet::connected(&secret::session_id()).into()).await?;
        let key = Key { hash: caller.key.hash, expires: caller.key.expires_at.map(instant_of) };
        Ok((listener, key))
    }

    async fn refuse(&mut self, message: &str) -> Close {
        self.send(packet::refused("", message).into()).await.err().unwrap_or(Close::Done)
    }

    /// Sends events and heartbeats until there is a reason to stop.
    async fn listen(&mut self, listener: Listener, mut key: Key) -> Close {
        let (interval, patience) = (self.hub.limits.ping_interval, self.hub.limits.ping_timeout);
        let mut beat = Instant::now() + interval;
        let mut is_pong_due = false;
        let mut messages = 0;
        loop {
            let expiry = key.expires.unwrap_or_else(|| Instant::now() + LONGEST_WAIT);
            let step = tokio::select! {
                // An answer that is there counts, however late it is looked at; events must not delay heartbeats.
                biased;
                received = self.socket.recv() => {
                    messages += 1;
                    match read(received) {
                        Ok(Packet::Pong) if is_pong_due => {
                            is_pong_due = false;
                            beat = Instant::now() + interval;
                            messages = 0;
                            Ok(())
                        }
                        Ok(Packet::ConnectElsewhere { namespace }) => {
                            self.send(packet::refused(&namespace, "Invalid namespace").into()).await
                        }
                        Ok(Packet::Pong | Packet::Idle) => Ok(()),
                        Ok(Packet::Disconnect) => Err(Close::Done),
                        Ok(Packet::Connect { .. } | Packet::Wrong) => Err(Close::Wrong),
                        Err(close) => Err(close),
                    }
                }
                () = sleep_until(beat) => {
                    if is_pong_due {
                        Err(Close::Silent)
                    } else {
                        is_pong_due = true;
                        beat = Instant::now() + patience;
                        // A key may have been revoked elsewhere.
                        match self.check(&mut key).await {
                            Ok(()) => self.send_unless_cut(Utf8Bytes::from_static(packet::PING), &listener).await,
                            Err(close) => Err(close),
                        }
                    }
                }
                () = sleep_until(expiry) => self.check(&mut key).await,
                order = listener.queue.next() => match order {
                    Order::Send(body) => {
                        let text = body.text(&self.app, &self.urls);
                        drop(body);
                        self.send_unless_cut(text, &listener).await
                    }
                    Order::CheckKey => self.check(&mut key).await,
                    Order::End(End::Slow) => Err(Close::Slow),
                    Order::End(End::Stopping) => Err(Close::Stopping),
                },
            };
            match step {
                Ok(()) if messages > MOST_MESSAGES => return Close::Wrong,
                Ok(()) => {}
                Err(close) => return close,
            }
        }
    }

    /// Looks whether the key is still good. A store that is away says nothing about it, and commits nothing
    /// that could be told.
    async fn check(&mut self, key: &mut Key) -> Result<(), Close> {
        match Caller::load(&self.app, key.hash).await {
            Ok(caller) => {
                key.expires = caller.key.expires_at.map(instant_of);
                Ok(())
            }
            Err(Error::Unauthenticated) => Err(Close::Revoked),
            Err(_) => {
                key.expires = key.expires.map(|_| Instant::now() + self.hub.limits.ping_interval);
                Ok(())
            }
        }
    }

    /// Sends a frame, or learns that the listener was cut off meanwhile.
    async fn send_unless_cut(&mut self, text: Utf8Bytes, listener: &Listener) -> Result<(), Close> {
        tokio::select! {
            sent = self.send(text) => sent,
            end = listener.queue.ended() => Err(match end {
                End::Slow => Close::Slow,
                End::Stopping => Close::Stopping,
            }),
        }
    }

    /// Sends a frame in the time in which a heartbeat must be answered.
    async fn send(&mut self, text: Utf8Bytes) -> Result<(), Close> {
        match timeout(self.hub.limits.ping_timeout, self.socket.send(Message::Text(text))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Close::Gone),
            Err(_) => Err(Close::Slow),
        }
    }
}

impl Close {
    /// What the client is told; nothing where nobody would read it.
    fn frame(self) -> Option<(u16, &'static str)> {
        match self {
            Self::Gone | Self::Slow => None,
            Self::Done => Some((close_code::NORMAL, "")),
            Self::Silent => Some((close_code::AWAY, "no answer in time")),
            Self::Wrong => Some((close_code::PROTOCOL, "not a message of this protocol")),
            Self::Revoked => Some((close_code::POLICY, "the API key is not valid any more")),
            Self::Stopping => Some((close_code::AWAY, "the server stops")),
        }
    }
}

/// What came from the client.
fn read(received: Option<Result<Message, axum::Error>>) -> Result<Packet, Close> {
    match received {
        Some(Ok(Message::Text(text))) => Ok(packet::read(&text)),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(Packet::Idle),
        Some(Ok(Message::Binary(_))) => Ok(Packet::Wrong),
        Some(Ok(Message::Close(_)) | Err(_)) | None => Err(Close::Gone),
    }
}

/// What a refused client reads: nothing that a request with the same key would not say.
fn refusal(error: &Error) -> &'static str {
    match error {
        Error::Unauthenticated => "invalid credentials",
        error => {
            if let Error::Unavailable(cause) | Error::Internal(cause) = error {
                tracing::warn!(error = chain(&**cause), "a key could not be checked");
            }
            "the service is temporarily unavailable, try again"
        }
    }
}

/// A time of the wall clock as one that can be waited for.
fn instant_of(time: Timestamp) -> Instant {
    let left = u64::try_from(time.0.saturating_sub(clock::now().0)).unwrap_or(0);
    Instant::now() + Duration::from_millis(left).min(LONGEST_WAIT)
}
