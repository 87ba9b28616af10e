//! `GET /terminal/ws`: a shell of its own for each socket, for the page of the web terminal (`spec/toolbox.md` H.2).
//!
//! A text message that is a JSON object with numeric `rows` and `cols` is the terminal's new size; any other message
//! is typed. Output goes back as text, never cut within a character. The shell begins in the work directory and ends
//! with the socket. Output that the page does not read stays in the terminal, which stops the program that writes it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use rustix::process::{Signal, kill_process_group};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::http::websocket::{Close, Closed, Incoming, Socket, Upgrade};
use crate::pty::{Size, Terminal, TerminalError};
use crate::spawn::Child;
use crate::text_pieces::TextPieces;
use crate::toolbox::Shared;

/// Until the page tells its own.
const FIRST_SIZE: Size = Size { cols: 80, rows: 24 };
/// A terminal is not larger than this (`spec/toolbox.md` C.8).
const LARGEST: u16 = 1000;
/// Messages that may wait to be typed.
const WAITING_MESSAGES: usize = 16;
/// How long the shell may take to end once its terminal is gone.
const GRACE_PERIOD: Duration = Duration::from_secs(1);

/// A message that is a size.
#[derive(Debug, Deserialize)]
struct Resize {
    rows: u16,
    cols: u16,
}

pub(crate) async fn web_terminal(State(shared): State<Arc<Shared>>, upgrade: Upgrade) -> Response {
    let sockets = shared.sockets.clone();
    upgrade.accept(&sockets, |mut socket| async move {
        let outcome = match start(&shared).await {
            Ok((terminal, child)) => {
                let terminal = Arc::new(terminal);
                let outcome = serve(&terminal, &mut socket).await;
                drop(terminal);
                end(child).await;
                outcome
            }
            Err(error) => Ok(Close::new(Close::INTERNAL, error.to_string())),
        };
        socket.finish(outcome).await;
    })
}

async fn start(shared: &Shared) -> Result<(Terminal, Child), TerminalError> {
    let mut environment = shared.environment().as_ref().clone();
    environment.set("TERM", "xterm-256color");
    let shell = shared.shell(&environment);
    let (terminal, mut child) =
        Terminal::start(&shell, &environment, &shared.work_dir, FIRST_SIZE, &shared.reaper)?;
    child.started().await?;
    Ok((terminal, child))
}

async fn serve(terminal: &Arc<Terminal>, socket: &mut Socket) -> Result<Close, Closed> {
    let (type_in, mut typed) = mpsc::channel::<Bytes>(WAITING_MESSAGES);
    let keyboard = Arc::clone(terminal);
    // In a task of its own: a program may want to write before it reads.
    let typing = AbortOnDropHandle::new(tokio::spawn(async move {
        while let Some(bytes) = typed.recv().await {
            if keyboard.write_all(&bytes).await.is_err() {
                return;
            }
        }
    }));
    let mut text = TextPieces::default();
    loop {
        tokio::select! {
            output = terminal.read() => match output {
                Some(output) => socket.send_text(text.push(&output)).await?,
                None => {
                    socket.send_text(text.finish()).await?;
                    drop(typing);
                    return Ok(Close::normal());
                }
            },
            message = socket.receive() => {
                let message = message?;
                match size(&message) {
                    // Fails only when the terminal is gone, which the next read tells.
                    Some(size) => drop(terminal.resize(size)),
                    // What is typed while nobody reads is lost beyond a point, as at any terminal.
                    None => drop(type_in.try_send(message.into_bytes())),
                }
            }
        }
    }
}

/// The size that a message is, if it is one.
fn size(message: &Incoming) -> Option<Size> {
    let Incoming::Text(text) = message else { return None };
    let Resize { rows, cols } =
        serde_json::from_str(text).ok().filter(|_| text.trim_start().starts_with('{'))?;
    Some(Size { cols: cols.clamp(1, LARGEST), rows: rows.clamp(1, LARGEST) })
}

/// Ends the shell and what it left in its own group: it has been told by the loss of its terminal.
async fn end(mut child: Child) {
    let _ = timeout(GRACE_PERIOD, child.wait()).await;
    // Fails only if nothing of it is left.
    let _ = kill_process_group(child.group(), Signal::KILL);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_with_both_numbers_is_a_size() {
        let text = |text: &str| size(&Incoming::Text(text.into())).map(|size| (size.cols, size.rows));
        assert_eq!(text(r#"{"rows": 30, "cols": 100}"#), Some((100, 30)));
        assert_eq!(text(r#"{"rows": 0, "cols": 60000}"#), Some((1000, 1)));
        for typed in
            ["ls\n", "{", "[30,100]", r#"{"rows": 30}"#, r#"{"rows": "30", "cols": 100}"#, "30", "null"]
        {
            assert_eq!(text(typed), None, "{typed}");
        }
        assert_eq!(size(&Incoming::Binary(br#"{"rows": 30, "cols": 100}"#.as_slice().into())), None);
    }
}
