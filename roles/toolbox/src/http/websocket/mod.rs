//! WebSockets: the upgrade, and an open socket with the duties that every operation has.
//!
//! An operation takes an [`Upgrade`], looks at what the client offered, and hands [`Upgrade::accept`]
//! what is to be done with the [`Socket`]:
//!
//! ```text
//! upgrade.accept(&shared.sockets, |mut socket| async move {
//!     let outcome = serve(&mut socket).await;   // Result<Close, Closed>, so that `?` works on sends
//!     socket.finish(outcome).await;             // closes as the outcome says, and waits for the peer
//! })
//! ```
//!
//! The socket itself answers pings, sends its own, gives up on a peer that does not read, and ends
//! with 1001 when the toolbox stops.

mod close;
mod offered;
pub(crate) mod socket;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::Response;
use http::header::UPGRADE;
use http::request::Parts;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::ApiError;
pub(crate) use close::{Close, Closed};
pub(crate) use offered::Offered;
pub(crate) use socket::{Incoming, Socket};

/// The longest message that is taken, unless an operation says otherwise. The specification asks for
/// 1 MiB at least.
const LONGEST_MESSAGE: usize = 4 << 20;

/// Buffers of each socket. Small, because a socket is mostly idle and there may be hundreds.
const READ_BUFFER_BYTES: usize = 8 << 10;

/// All sockets that are open, so that they can be closed when the toolbox stops.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sockets {
    stopping: CancellationToken,
    open: TaskTracker,
}

impl Sockets {
    /// Closes every socket with 1001 and waits until the last is gone.
    pub(crate) async fn stop(&self) {
        self.stopping.cancel();
        self.open.close();
        self.open.wait().await;
    }
}

/// A request that wants to become a WebSocket.
#[derive(Debug)]
pub(crate) struct Upgrade {
    request: WebSocketUpgrade,
    offered: Arc<Offered>,
    longest_message: usize,
}

impl Upgrade {
    /// What the client offered.
    pub(crate) fn offered(&self) -> Arc<Offered> {
        Arc::clone(&self.offered)
    }

    /// Takes messages of up to `bytes`; a longer one ends the socket.
    pub(crate) fn longest_message(self, bytes: usize) -> Self {
        Self { longest_message: bytes, ..self }
    }

    /// Answers with the upgrade and runs `serve` in a task of its own once it has happened. `serve`
    /// is dropped unrun if the client goes away before.
    pub(crate) fn accept<F, Fut>(self, sockets: &Sockets, serve: F) -> Response
    where
        F: FnOnce(Socket) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let (token, stopping) = (sockets.open.token(), sockets.stopping.clone());
        let mut request = self
            .request
            .read_buffer_size(READ_BUFFER_BYTES)
            // Every frame goes out at once: see `Socket::send`.
            .write_buffer_size(0)
            .max_message_size(self.longest_message)
            .max_frame_size(self.longest_message);
        if let Some(token) = self.offered.echo() {
            request.set_selected_protocol(token);
        }
        request.on_upgrade(move |socket| serve(Socket::new(socket, stopping, token)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Upgrade {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let offered = Arc::new(Offered::of(&parts.headers));
        let request = WebSocketUpgrade::from_request_parts(parts, state)
            .await
            .map_err(|refused| ApiError::bad_request(refused.body_text()))?;
        Ok(Self { request, offered, longest_message: LONGEST_MESSAGE })
    }
}

/// `None` for a request that does not ask for a WebSocket at all.
impl<S: Send + Sync> OptionalFromRequestParts<S> for Upgrade {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, ApiError> {
        let wants = |value: &[u8]| value.to_ascii_lowercase().trim_ascii() == b"websocket";
        if !parts.headers.get_all(UPGRADE).iter().any(|value| wants(value.as_bytes())) {
            return Ok(None);
        }
        <Self as FromRequestParts<S>>::from_request_parts(parts, state).await.map(Some)
    }
}
