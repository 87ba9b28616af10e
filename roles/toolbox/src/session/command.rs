//! One command of a session, from its submission to long after its end.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use paddock_wire_toolbox::{ErrorCode, SessionCommand};
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::log::{Log, Place, Record, Stream};
use crate::http::ApiError;

/// `exitCode` of a command that never ran.
pub(super) const NEVER_RAN: i32 = -1;

/// What becomes of a command's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Typing {
    /// It takes none.
    None,
    /// It is written to the command, and to its log as if a terminal had shown it.
    Echoed,
    /// It is written to the command alone.
    Silent,
}

/// A command that waits, runs or has run.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) id: String,
    /// Counts from 1 within its session.
    pub(super) number: usize,
    pub(super) text: String,
    pub(super) typing: Typing,
    pub(super) log: Arc<Log>,
    exit_code: OnceLock<i32>,
    stdin: Mutex<Option<pipe::Sender>>,
    has_begun: CancellationToken,
    is_over: CancellationToken,
}

impl Command {
    pub(super) fn new(id: String, number: usize, text: String, typing: Typing, place: Place) -> Arc<Self> {
        Arc::new(Self {
            id,
            number,
            text,
            typing,
            log: Log::new(place),
            exit_code: OnceLock::new(),
            stdin: Mutex::new(None),
            has_begun: CancellationToken::new(),
            is_over: CancellationToken::new(),
        })
    }

    /// As it is listed. The exit code is told once all output is in the log.
    pub(super) fn listed(&self) -> SessionCommand {
        SessionCommand { id: self.id.clone(), command: self.text.clone(), exit_code: self.exit_code() }
    }

    /// `None` while it runs or waits.
    pub(super) fn exit_code(&self) -> Option<i32> {
        self.exit_code.get().copied()
    }

    /// Waits for its end.
    pub(super) async fn ended(&self) -> i32 {
        let mut progress = self.log.watch();
        // The sender lives in the log, which is held here.
        let _ = progress.wait_for(|progress| progress.is_finished).await;
        self.exit_code().unwrap_or(NEVER_RAN)
    }

    /// It runs from now on, and reads `stdin` if it takes input.
    pub(super) async fn begin(&self, stdin: Option<pipe::Sender>) {
        *self.stdin.lock().await = stdin;
        self.has_begun.cancel();
    }

    /// Its shell has told its end: it reads nothing any more.
    pub(super) async fn take_away_input(&self) {
        self.is_over.cancel();
        self.has_begun.cancel();
        *self.stdin.lock().await = None;
    }

    /// All its output is in its log.
    pub(super) async fn end(&self, exit_code: i32) {
        // An append may still be under way whose caller has gone on to something else.
        self.log.close().await;
        let _ = self.exit_code.set(exit_code);
        self.log.finish();
    }

    /// Its shell was gone before its turn came.
    pub(super) async fn end_unrun(&self) {
        self.take_away_input().await;
        let remark = Bytes::from_static(b"the session ended before this command could run\n");
        self.log.append(&mut vec![Record { stream: Stream::Stderr, content: remark }]).await;
        self.end(NEVER_RAN).await;
    }

    /// Types `data`. Waits for its turn, if the command does, and while the command does not read.
    pub(super) async fn type_in(&self, data: String) -> Result<(), ApiError> {
        let completed =
            || ApiError::new(ErrorCode::CommandAlreadyCompleted, "the command has already completed");
        if self.typing == Typing::None {
            let message = "the command takes no input: it was not started asynchronously";
            return Err(ApiError::new(ErrorCode::CommandAlreadyCompleted, message));
        }
        self.has_begun.cancelled().await;
        tokio::select! {
            biased;
            () = self.is_over.cancelled() => Err(completed()),
            typed = self.type_now(data) => typed.unwrap_or_else(|| Err(completed())),
        }
    }

    /// `None` if there is nobody to read it.
    async fn type_now(&self, data: String) -> Option<Result<(), ApiError>> {
        let mut stdin = self.stdin.lock().await;
        let stdin = stdin.as_mut()?;
        let data = Bytes::from(data);
        if self.typing == Typing::Echoed {
            // Before the command can answer, as a terminal would show it.
            let echo = super::log::pieces(Stream::Stdout, data.clone());
            self.log.append(&mut echo.collect()).await;
        }
        let written = stdin.write_all(&data).await;
        Some(written.map_err(|error| ApiError::internal(format!("the input could not be written: {error}"))))
    }
}
