//! One client's socket, for as long as it is attached to a terminal.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use paddock_wire_toolbox::{PtyControl, PtyStatus};
use tokio::time::timeout;

use super::exit::close;
use super::outbox::{Next, Outbox};
use super::session::{LONGEST_INPUT, Session};
use crate::http::websocket::{Close, Closed, Offered, Socket};

/// How long what a client has sent is still read once nothing can be sent to it.
const FAREWELL: Duration = Duration::from_secs(1);

/// Tells the client that it is connected, then passes output and input until either side ends.
pub(super) async fn attach(
    socket: &mut Socket,
    session: &Session,
    outbox: &Arc<Outbox>,
    offered: &Offered,
) -> Result<Close, Closed> {
    let mut typed = Bytes::new();
    let outcome = pass(socket, session, outbox, offered, &mut typed).await;
    outbox.abandon();
    if matches!(outcome, Err(Closed::ByPeer | Closed::Broken)) {
        // What was typed before the client went is typed all the same.
        session.type_later(typed);
        let left = async {
            while let Ok(incoming) = socket.receive().await {
                session.type_later(incoming.into_bytes());
            }
        };
        let _ = timeout(FAREWELL, left).await;
    }
    outcome
}

/// Tells the client that there is no terminal.
pub(super) async fn refuse(socket: &mut Socket, error: String, code: u16) -> Result<Close, Closed> {
    let close = Close::new(code, error.as_str());
    tell(socket, PtyStatus::Error { error }).await?;
    Ok(close)
}

async fn pass(
    socket: &mut Socket,
    session: &Session,
    outbox: &Outbox,
    offered: &Offered,
    typed: &mut Bytes,
) -> Result<Close, Closed> {
    // Old clients drop whatever comes before this.
    tell(socket, PtyStatus::Connected).await?;
    let too_slow = || Close::new(Close::POLICY, "slow consumer");
    loop {
        // While a message waits for the terminal's queue, none is read.
        let piece = typed.slice(..typed.len().min(LONGEST_INPUT));
        tokio::select! {
            next = outbox.next() => match next {
                Next::Output(output) => tokio::select! {
                    sent = socket.send_binary(output) => sent?,
                    () = outbox.left_behind() => return Ok(too_slow()),
                },
                Next::LeftBehind => return Ok(too_slow()),
                Next::Ended(exit) => {
                    let close = close(&exit, offered);
                    if offered.wants_pty_exit() {
                        tell(socket, PtyStatus::Exited(exit)).await?;
                    }
                    return Ok(close);
                }
            },
            incoming = socket.receive(), if typed.is_empty() => *typed = incoming?.into_bytes(),
            () = session.type_in(piece.clone()), if !typed.is_empty() => typed.advance(piece.len()),
        }
    }
}

async fn tell(socket: &mut Socket, status: PtyStatus) -> Result<(), Closed> {
    // It is made of plain texts and numbers, which all have a form in JSON.
    let message = serde_json::to_string(&PtyControl { status }).unwrap_or_default();
    socket.send_text(message).await
}
