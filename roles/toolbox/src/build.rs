//! `POST /internal/build/step`: one step of a build, for control alone. Nobody else needs it, and it gives nothing that
//! `/process/execute` does not: what a step may do is what the sandbox's user may.
//!
//! ```text
//!  request: line of JSON, then input ─▶ stdin ─┐
//!                                              program, or this program as a helper
//!  answer: frames of output, then the end ◀────┘ stdout (and stderr)
//! ```
//!
//! Both ways go at the pace of the slower side, and hold one piece of [`BuildFrame::MOST_BYTES`] at most. Whoever stops reading
//! ends the step: its process group is killed.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use http::header::CONTENT_TYPE;
use paddock_wire_toolbox::{BuildEnd, BuildFrame, BuildStep};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::task::AbortHandle;

use crate::http::ApiError;
use crate::spawn::{Child, Command};
use crate::toolbox::Shared;

/// The argument with which this program does one step and exits; the step is the argument behind it.
pub const BUILD_HELPER: &str = "build-helper";

/// The longest first line of a request.
const MOST_LINE: usize = 1 << 20;
/// How much output is sent at once: a pipe's worth.
const PIECE_BYTES: usize = 64 << 10;
const _: () = assert!(PIECE_BYTES <= BuildFrame::MOST_BYTES);
/// What a helper may say about its failure.
const MOST_MESSAGE: usize = 16 << 10;

pub(crate) async fn step(State(shared): State<Arc<Shared>>, body: Body) -> Result<Response, ApiError> {
    let mut input = body.into_data_stream();
    let mut begun = BytesMut::new();
    let end = loop {
        if let Some(end) = begun.iter().position(|byte| *byte == b'\n') {
            break end;
        }
        match input.next().await {
            Some(Ok(piece)) if begun.len() + piece.len() <= MOST_LINE => begun.extend_from_slice(&piece),
            Some(Ok(piece)) if piece.contains(&b'\n') => begun.extend_from_slice(&piece),
            Some(Ok(_)) => return Err(ApiError::bad_request("the step is too long")),
            Some(Err(_)) | None => return Err(ApiError::bad_request("the step is cut")),
        }
    };
    let line = begun.split_to(end + 1);
    let step: BuildStep = serde_json::from_slice(&line)
        .map_err(|error| ApiError::bad_request(format!("not a step: {error}")))?;
    let running = Running::start(&shared, step)?;
    let first = stream::iter([Ok::<_, axum::Error>(begun.freeze())]);
    Ok(running.answer(first.chain(input)))
}

/// A step under way.
struct Running {
    child: Child,
    group: Pid,
    input: Option<pipe::Sender>,
    output: pipe::Receiver,
    /// What a helper says beside its output.
    message: Option<pipe::Receiver>,
}

impl Running {
    fn start(shared: &Shared, step: BuildStep) -> Result<Self, ApiError> {
        let failed = |error: io::Error| ApiError::internal(format!("cannot start a step: {error}"));
        let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(|error| failed(error.into()));
        let environment = shared.environment_with(None)?;
        let (output, write) = pipe()?;
        let (command, input, message) = match step {
            BuildStep::Run { arguments, directory } => {
                let mut arguments = arguments.into_iter().map(OsString::from);
                let program =
                    arguments.next().ok_or_else(|| ApiError::bad_request("a step needs a program"))?;
                // As `WORKDIR` does, for images that name a directory and do not have it.
                let _ = std::fs::create_dir_all(&directory);
                let command = Command::new(&program, arguments, &environment, Path::new(&directory), write);
                (command, None, None)
            }
            step => {
                let helper = shared.git.helper.clone();
                let helper = helper.ok_or_else(|| ApiError::internal("this toolbox has no helper"))?;
                let step =
                    serde_json::to_string(&step).map_err(|error| ApiError::internal(error.to_string()))?;
                let (input, input_write) = pipe()?;
                let (message, message_write) = pipe()?;
                let arguments = [BUILD_HELPER, &step];
                let command =
                    Command::new("paddock-toolbox".as_ref(), arguments, &environment, "/".as_ref(), write);
                let command = command
                    .map(|command| command.stdin(input).stderr(message_write).executable(helper.program()));
                let input = pipe::Sender::from_owned_fd(input_write).map_err(failed)?;
                let message = pipe::Receiver::from_owned_fd(message).map_err(failed)?;
                (command, Some(input), Some(message))
            }
        };
        let command = command.map_err(|error| ApiError::bad_request(error.to_string()))?;
        let child = shared.reaper.spawn(command).map_err(|error| ApiError::internal(error.to_string()))?;
        let output = pipe::Receiver::from_owned_fd(output).map_err(failed)?;
        Ok(Self { group: child.group(), child, input, output, message })
    }

    fn answer(
        mut self,
        input: impl futures_util::Stream<Item = Result<Bytes, axum::Error>> + Send + 'static,
    ) -> Response {
        let feeding = self.input.take().map(|pipe| Feeding(tokio::spawn(feed(pipe, input)).abort_handle()));
        let message = self.message.take().map(|pipe| tokio::spawn(read_message(pipe)));
        let state = Answering {
            running: self,
            message,
            _feeding: feeding,
            is_output_closed: false,
            exit_code: None,
            is_ended: false,
        };
        let frames = stream::unfold(state, |mut state| async move {
            let frame = state.next().await?;
            Some((Ok::<_, io::Error>(frame), state))
        });
        ([(CONTENT_TYPE, "application/octet-stream")], Body::from_stream(frames)).into_response()
    }
}

impl Running {
    /// Ends whatever of its process group still runs.
    fn kill(&self) {
        // It fails only if all of it has ended.
        let _ = kill_process_group(self.group, Signal::KILL);
    }
}

/// Ends with the answer.
struct Feeding(AbortHandle);

impl Drop for Feeding {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The program hears the whole input, or ends before.
async fn feed(
    mut pipe: pipe::Sender,
    input: impl futures_util::Stream<Item = Result<Bytes, axum::Error>> + Send,
) {
    let mut input = std::pin::pin!(input);
    while let Some(Ok(piece)) = input.next().await {
        if pipe.write_all(&piece).await.is_err() {
            return;
        }
    }
}

async fn read_message(mut pipe: pipe::Receiver) -> String {
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = pipe.read(&mut piece).await {
        let room = MOST_MESSAGE - text.len().min(MOST_MESSAGE);
        text.extend_from_slice(&piece[..count.min(room)]);
    }
    String::from_utf8_lossy(&text).trim().to_owned()
}

struct Answering {
    running: Running,
    message: Option<tokio::task::JoinHandle<String>>,
    _feeding: Option<Feeding>,
    is_output_closed: bool,
    exit_code: Option<i32>,
    is_ended: bool,
}

/// A frame of so many bytes behind its head.
fn output(mut frame: BytesMut, count: usize) -> Bytes {
    let length = u32::try_from(count).unwrap_or(u32::MAX);
    frame[1..5].copy_from_slice(&length.to_be_bytes());
    frame.freeze()
}

impl Answering {
    /// The next frame; `None` behind the last.
    async fn next(&mut self) -> Option<Bytes> {
        if self.is_ended {
            return None;
        }
        if let Err(error) = self.running.child.started().await {
            return Some(self.end(127, Some(error.to_string())));
        }
        let mut frame = BytesMut::with_capacity(PIECE_BYTES + 5);
        frame.put_slice(&[BuildFrame::OUTPUT, 0, 0, 0, 0]);
        while self.exit_code.is_none() {
            tokio::select! {
                biased;
                // A pipe gives no errors but those that mean its end.
                count = self.running.output.read_buf(&mut frame), if !self.is_output_closed => match count {
                    Ok(count @ 1..) => return Some(output(frame, count)),
                    _ => self.is_output_closed = true,
                },
                status = self.running.child.wait() => self.exit_code = Some(status.code()),
            }
        }
        // What a program leaves in the background is no part of the step, though it may hold the output open.
        self.running.kill();
        if let Ok(count @ 1..) = self.running.output.try_read_buf(&mut frame) {
            return Some(output(frame, count));
        }
        let message = match self.message.take() {
            Some(message) => message.await.ok().filter(|text| !text.is_empty()),
            None => None,
        };
        Some(self.end(self.exit_code.unwrap_or(-1), message))
    }

    fn end(&mut self, exit_code: i32, message: Option<String>) -> Bytes {
        self.is_ended = true;
        let end = serde_json::to_vec(&BuildEnd { exit_code, message }).unwrap_or_default();
        let mut frame = BytesMut::with_capacity(end.len() + 5);
        frame.put_u8(BuildFrame::END);
        frame.put_u32(u32::try_from(end.len()).unwrap_or(u32::MAX));
        frame.put_slice(&end);
        frame.freeze()
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.running.kill();
    }
}
