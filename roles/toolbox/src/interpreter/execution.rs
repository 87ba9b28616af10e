//! One execution: from its turn to its end.
//!
//! ```text
//!  waiting for the turn ─▶ running ──(F or I)──▶ what is in the pipes, the error, control, close 1000
//!                             ├──(limit over)──▶ SIGINT ──2 s──▶ SIGKILL ──▶ no control, close 4008
//!                             ├──(client gone)─▶ SIGINT ──2 s──▶ SIGKILL
//!                             ├──(worker died)─▶ an error of ours, close 1000
//!                             └──(deleted)─────▶ SIGTERM, close 1001
//! ```
//!
//! What the client does not read is not read from the worker either: a flood costs no memory here, and the program
//! waits in its write. The limit of time goes on meanwhile.

use std::time::Duration;

use paddock_wire_toolbox::InterpreterMessage as Message;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::time::{Instant, sleep_until};

use super::execute::Request;

use super::worker::{Said, Worker};
use crate::http::websocket::{Close, Closed, Socket};
use crate::text_pieces::TextPieces;
use crate::toolbox::Shared;

/// The close code of an execution that took too long (`spec/toolbox.md` D.2).
const TIMED_OUT: u16 = 4008;
/// How long an interrupted program may take to end.
const INTERRUPT_GRACE: Duration = Duration::from_secs(2);
/// One read's worth: a frame stays far below the longest that clients take.
const READ_BYTES: usize = 64 << 10;

/// How a program's run came to its end.
#[derive(Debug)]
enum End {
    /// As the worker says.
    Said { interrupted: bool },
    /// The worker has ended, or has to.
    Died,
    /// The context has been deleted.
    Deleted,
}

/// Why a running program is being ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    TimedOut,
    Abandoned(Closed),
}

/// Runs `request` when its turn comes, and tells the client how it goes. Gives back how the socket is to be closed.
pub(super) async fn run(shared: &Shared, socket: &mut Socket, request: Request) -> Result<Close, Closed> {
    let context = &request.context;
    let mut turn = tokio::select! {
        turn = context.turn() => turn,
        () = context.deleted.cancelled() => return Ok(deleted()),
        closed = until_closed(socket) => return Err(closed),
    };
    if context.deleted.is_cancelled() {
        return Ok(deleted());
    }
    let mut worker = match turn.worker(shared).await {
        Ok(worker) => worker,
        Err(error) => {
            turn.finish_without_worker();
            return Ok(Close::new(Close::INTERNAL, error.to_string()));
        }
    };
    let mut running = Running {
        worker: &mut worker,
        client: Client { socket, is_told: true },
        stdout: Stream::new(false),
        stderr: Stream::new(true),
        raised: None,
        deadline: request.limit.and_then(|limit| Instant::now().checked_add(limit)),
        ending: None,
    };
    let end = running.until_the_end(&request).await;
    let outcome = running.conclude(&end).await;
    match end {
        End::Said { .. } => turn.finish(worker),
        End::Died => {
            worker.kill().await;
            turn.finish_without_worker();
        }
        End::Deleted => {
            worker.end().await;
            turn.finish_without_worker();
        }
    }
    outcome
}

fn deleted() -> Close {
    Close::new(Close::GOING_AWAY, "the context was deleted")
}

/// Waits until the client goes. What else it sends is not wanted.
async fn until_closed(socket: &mut Socket) -> Closed {
    loop {
        if let Err(closed) = socket.receive().await {
            return closed;
        }
    }
}

/// One of the two output streams.
struct Stream {
    is_error: bool,
    is_open: bool,
    text: TextPieces,
}

impl Stream {
    fn new(is_error: bool) -> Self {
        Self { is_error, is_open: true, text: TextPieces::default() }
    }

    /// The text of what was read; nothing read is the stream's end.
    fn take(&mut self, bytes: &[u8]) -> String {
        self.is_open = !bytes.is_empty();
        if self.is_open { self.text.push(bytes) } else { self.text.finish() }
    }

    fn message(&self, text: String) -> Option<Message> {
        let message = if self.is_error { Message::Stderr { text } } else { Message::Stdout { text } };
        Some(message).filter(|message| !matches!(message, Message::Stdout { text } | Message::Stderr { text } if text.is_empty()))
    }
}

/// Who asked, as long as there is somebody.
struct Client<'a> {
    socket: &'a mut Socket,
    is_told: bool,
}

struct Running<'a> {
    worker: &'a mut Worker,
    client: Client<'a>,
    stdout: Stream,
    stderr: Stream,
    /// What the program raised: told when all output has been.
    raised: Option<Message>,
    deadline: Option<Instant>,
    ending: Option<Ending>,
}

impl Running<'_> {
    /// Runs the program and passes on what it writes.
    async fn until_the_end(&mut self, request: &Request) -> End {
        // A worker that does not read is of no use any more: half a request would spoil the next.
        let is_sent = tokio::select! {
            sent = self.worker.execute(&request.code, &request.variables) => sent.is_ok(),
            () = until(self.deadline) => {
                self.ending = Some(Ending::TimedOut);
                false
            }
            () = request.context.deleted.cancelled() => return End::Deleted,
            closed = until_closed(self.client.socket) => {
                self.client.is_told = false;
                self.ending = Some(Ending::Abandoned(closed));
                false
            }
        };
        if !is_sent {
            return End::Died;
        }
        let mut stdout = Vec::with_capacity(READ_BYTES);
        let mut stderr = Vec::with_capacity(READ_BYTES);
        loop {
            stdout.clear();
            stderr.clear();
            let message = tokio::select! {
                biased;
                () = until(self.deadline) => {
                    if self.ending.is_some() {
                        return End::Died;
                    }
                    self.interrupt(Ending::TimedOut);
                    None
                }
                () = request.context.deleted.cancelled() => return End::Deleted,
                closed = until_closed(self.client.socket), if self.client.is_told => {
                    self.abandon(closed);
                    None
                }
                // Before the pipes, which a child may keep full for ever; what the program wrote before is drained.
                said = self.worker.channel.said() => match said {
                    Ok(Said::Finished) => return End::Said { interrupted: false },
                    Ok(Said::Interrupted) => return End::Said { interrupted: true },
                    Ok(Said::Raised { name, value, traceback }) => {
                        self.raised = Some(Message::Error { name, value, traceback });
                        None
                    }
                    Ok(Said::Displayed(data)) => {
                        self.drain().await;
                        Some(Message::Display { data })
                    }
                    Ok(Said::Chart(chart)) => {
                        self.drain().await;
                        serde_json::from_str(&chart).ok().map(|chart| Message::Chart { chart })
                    }
                    Err(_) => return End::Died,
                },
                () = read(&mut self.worker.stdout, &mut stdout), if self.stdout.is_open => {
                    let text = self.stdout.take(&stdout);
                    self.stdout.message(text)
                }
                () = read(&mut self.worker.stderr, &mut stderr), if self.stderr.is_open => {
                    let text = self.stderr.take(&stderr);
                    self.stderr.message(text)
                }
            };
            if let Some(message) = message {
                self.tell(&message).await;
            }
        }
    }

    /// Tells what is left to tell, and says how the socket is to be closed.
    async fn conclude(&mut self, end: &End) -> Result<Close, Closed> {
        // All that the program wrote is in the pipes by now.
        self.deadline = Some(Instant::now() + INTERRUPT_GRACE).filter(|_| self.ending.is_some());
        self.drain().await;
        self.finish_text().await;
        if let Some(raised) = self.raised.take() {
            self.tell(&raised).await;
        }
        match (self.ending, end) {
            (Some(Ending::Abandoned(closed)), _) => Err(closed),
            (Some(Ending::TimedOut), _) => Ok(Close::new(TIMED_OUT, "execution timed out")),
            (None, End::Deleted) => Ok(deleted()),
            (None, End::Died) => {
                let value = "the interpreter's process has ended; its state is lost".to_owned();
                let name = "WorkerProcessError".to_owned();
                let traceback = format!("{name}: {value}\n");
                self.tell(&Message::Error { name, value, traceback }).await;
                self.finished("completed").await
            }
            (None, End::Said { interrupted: true }) => self.finished("interrupted").await,
            (None, End::Said { interrupted: false }) => self.finished("completed").await,
        }
    }

    async fn finished(&mut self, how: &str) -> Result<Close, Closed> {
        self.tell(&Message::Control { text: how.to_owned() }).await;
        match self.ending {
            Some(Ending::Abandoned(closed)) => Err(closed),
            _ => Ok(Close::normal()),
        }
    }

    /// Passes on what the pipes hold now: whoever holds their other end may never stop writing.
    async fn drain(&mut self) {
        let mut buffer = vec![0; READ_BYTES];
        for is_error in [false, true] {
            let pipe = if is_error { &self.worker.stderr } else { &self.worker.stdout };
            let mut left = rustix::io::ioctl_fionread(pipe).unwrap_or(0);
            while left > 0 {
                let pipe = if is_error { &self.worker.stderr } else { &self.worker.stdout };
                let Some(count) = read_now(pipe, &mut buffer) else { break };
                left = left.saturating_sub(count as u64);
                let stream = if is_error { &mut self.stderr } else { &mut self.stdout };
                let text = stream.take(&buffer[..count]);
                if let Some(message) = stream.message(text) {
                    self.tell(&message).await;
                }
            }
        }
    }

    /// Tells what no further bytes will make a character.
    async fn finish_text(&mut self) {
        for is_error in [false, true] {
            let stream = if is_error { &mut self.stderr } else { &mut self.stdout };
            let text = stream.text.finish();
            if let Some(message) = stream.message(text) {
                self.tell(&message).await;
            }
        }
    }

    /// Sends a message, unless the client is gone. While the client does not read, the program's limit of time goes on.
    async fn tell(&mut self, message: &Message) {
        if !self.client.is_told {
            return;
        }
        // Texts, numbers and JSON are always JSON.
        let Ok(text) = serde_json::to_string(message) else { return };
        tokio::select! {
            sent = self.client.socket.send_text(text) => if let Err(closed) = sent {
                self.abandon(closed);
            },
            // It has had its time; the close says so.
            () = until(self.deadline) => self.client.is_told = false,
        }
    }

    /// The client is gone: the program is not wanted any more, and others may wait for the context.
    fn abandon(&mut self, closed: Closed) {
        self.client.is_told = false;
        if self.ending.is_none() {
            self.interrupt(Ending::Abandoned(closed));
        }
    }

    fn interrupt(&mut self, why: Ending) {
        self.worker.interrupt();
        self.ending = Some(why);
        self.deadline = Some(Instant::now() + INTERRUPT_GRACE);
    }
}

/// Reads what there is, at least one byte; nothing at the stream's end.
async fn read(from: &mut pipe::Receiver, buffer: &mut Vec<u8>) {
    // A pipe gives no read errors but those that mean its end.
    let _ = from.read_buf(buffer).await;
}

/// Reads what there is now. `None`: nothing. Asks the kernel itself: the event loop may not have heard of it yet.
fn read_now(from: &pipe::Receiver, buffer: &mut [u8]) -> Option<usize> {
    let read = rustix::io::retry_on_intr(|| rustix::io::read(from, &mut *buffer));
    read.ok().filter(|&count| count > 0)
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
