//! Connections to the inside of sandboxes, from the runner of the same host.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use paddock_types::SandboxId;
use paddock_wire_runner::{OpenAnswer, OpenRequest, OpenTarget};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::time::sleep;

/// How long a runner may be away before that is told. A killed one is back in less than a second.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long until it is tried again.
const PAUSE: Duration = Duration::from_millis(20);
/// Conversations with the runner that are kept for the next question.
const KEPT: usize = 16;
/// An answer is one line and no longer than this.
const ANSWER_LIMIT: usize = 512;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The sandbox does not run.
    #[error("the sandbox is not running")]
    NotRunning,
    /// It runs and does not accept connections.
    #[error("the sandbox does not accept connections")]
    Unreachable,
    /// The runner is away.
    #[error("the sandbox's runner cannot be reached")]
    Runner(#[source] io::Error),
}

/// The runner's `open.sock`.
#[derive(Debug)]
pub struct Door {
    socket: PathBuf,
    kept: Mutex<Vec<UnixStream>>,
}

impl Door {
    /// Nothing is connected yet.
    pub fn new(socket: PathBuf) -> Self {
        Self { socket, kept: Mutex::default() }
    }

    /// A new connection to the inside of a sandbox. A runner that is away is waited for: sandboxes outlive its restart,
    /// and so should what is asked of them.
    pub async fn open(&self, id: SandboxId, target: OpenTarget) -> Result<UnixStream, OpenError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.try_open(OpenRequest { id, target }).await {
                Err(OpenError::Runner(_)) if Instant::now() < deadline => sleep(PAUSE).await,
                opened => return opened,
            }
        }
    }

    async fn try_open(&self, request: OpenRequest) -> Result<UnixStream, OpenError> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(stream) = kept {
            // A kept conversation may have ended with the runner it was held with.
            if let Ok(answered) = converse(&stream, request).await {
                return self.finish(stream, answered);
            }
        }
        let stream = UnixStream::connect(&self.socket).await.map_err(OpenError::Runner)?;
        let answered = converse(&stream, request).await.map_err(OpenError::Runner)?;
        self.finish(stream, answered)
    }

    fn finish(
        &self,
        stream: UnixStream,
        (answer, passed): (OpenAnswer, Option<OwnedFd>),
    ) -> Result<UnixStream, OpenError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(stream);
        }
        drop(kept);
        match (answer, passed) {
            (OpenAnswer::Opened, Some(fd)) => {
                let stream = std::os::unix::net::UnixStream::from(fd);
                stream
                    .set_nonblocking(true)
                    .and_then(|()| UnixStream::from_std(stream))
                    .map_err(OpenError::Runner)
            }
            (OpenAnswer::Opened, None) => Err(OpenError::Runner(io::ErrorKind::InvalidData.into())),
            (OpenAnswer::NotRunning, _) => Err(OpenError::NotRunning),
            (OpenAnswer::Unreachable, _) => Err(OpenError::Unreachable),
        }
    }
}

async fn converse(stream: &UnixStream, request: OpenRequest) -> io::Result<(OpenAnswer, Option<OwnedFd>)> {
    let mut line = serde_json::to_vec(&request)?;
    line.push(b'\n');
    let mut rest = line.as_slice();
    while !rest.is_empty() {
        let sent = stream
            .async_io(Interest::WRITABLE, || paddock_sys::fd::send_with(stream.as_fd(), rest, None))
            .await?;
        rest = &rest[sent..];
    }
    let (mut answer, mut passed) = (Vec::new(), None);
    while !answer.ends_with(b"\n") && answer.len() <= ANSWER_LIMIT {
        let mut chunk = [0; ANSWER_LIMIT];
        let (count, fd) = stream
            .async_io(Interest::READABLE, || paddock_sys::fd::receive_with(stream.as_fd(), &mut chunk))
            .await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(&chunk[..count]);
        passed = fd.or(passed);
    }
    Ok((serde_json::from_slice(&answer)?, passed))
}
