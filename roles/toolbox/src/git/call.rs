//! One call of the helper, from the request to the answer.
//!
//! ```text
//!  GitCall ──▶ stdin of the helper          helper's descriptor 9 ──▶ line: done or failed
//!              (closed: all is said)                                  rest: the body, whole if it exits with 0
//! ```
//!
//! A short body is collected, and is an answer only once the helper has exited with 0. A long one is passed
//! on as it comes; if the helper then fails, the answer breaks off, so that nobody takes it for whole.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use paddock_wire_toolbox::{GitCall, GitOperation, GitOutcome};
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;

use super::GIT_HELPER;
use crate::http::ApiError;
use crate::spawn::{Child, Command};
use crate::toolbox::Shared;

/// What is collected before an answer is passed on as it comes; also the longest first line.
const COLLECTED_BYTES: usize = 64 << 10;

/// Variables that would lead git to another repository than the one of the request.
const MISLEADING: [&str; 9] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
];

/// Does one operation that answers with `status`.
///
/// If the caller stops waiting, the operation goes on to its end.
pub(super) async fn call(
    shared: &Arc<Shared>,
    status: StatusCode,
    operation: GitOperation,
    leave_out_new_fields: bool,
) -> Result<Response, ApiError> {
    let running = Running::start(shared, &GitCall { leave_out_new_fields, operation })?;
    // A task of its own, so that it does not end with the connection.
    let answer = tokio::spawn(running.finish());
    let answer =
        answer.await.unwrap_or_else(|_| Err(ApiError::internal("a defect in the toolbox, see its log")))?;
    Ok(answer.into_response(status))
}

/// What the helper has answered.
enum Answer {
    /// The whole body.
    Whole(Bytes),
    /// The beginning, and who goes on.
    Long(Bytes, Running),
}

/// A helper that has been started.
struct Running {
    child: Child,
    call: Vec<u8>,
    input: Option<pipe::Sender>,
    answer: pipe::Receiver,
}

impl Running {
    fn start(shared: &Shared, call: &GitCall) -> Result<Self, ApiError> {
        let helper = shared.git.helper.clone();
        let helper = helper.ok_or_else(|| ApiError::internal("this toolbox has no helper for git"))?;
        let call = serde_json::to_vec(call).map_err(|error| ApiError::internal(error.to_string()))?;
        let failed = |error: io::Error| ApiError::internal(format!("cannot start the git helper: {error}"));
        let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(|error| failed(error.into()));
        let (input, input_write) = pipe()?;
        let (answer, answer_write) = pipe()?;
        // What it says besides, a defect for example, goes to the daemon's own log.
        let log = rustix::io::fcntl_dupfd_cloexec(io::stderr(), 3)
            .or_else(|_| pipe_with(PipeFlags::CLOEXEC).map(|(_, write)| write));
        let log = log.map_err(|error| failed(error.into()))?;
        let environment = shared.environment_with(None)?.without(&MISLEADING);
        let command = Command::new(
            "paddock-toolbox".as_ref(),
            [GIT_HELPER],
            &environment,
            // The work directory may be gone, and the call's paths are absolute.
            "/".as_ref(),
            log,
        );
        let command = command
            .map_err(|error| ApiError::internal(error.to_string()))?
            .stdin(input)
            .inherit(answer_write)
            .executable(helper.0);
        Ok(Self {
            child: shared.reaper.spawn(command).map_err(|error| ApiError::internal(error.to_string()))?,
            call,
            input: Some(pipe::Sender::from_owned_fd(input_write).map_err(failed)?),
            answer: pipe::Receiver::from_owned_fd(answer).map_err(failed)?,
        })
    }

    async fn finish(mut self) -> Result<Answer, ApiError> {
        self.child.started().await.map_err(|error| ApiError::internal(format!("the git helper: {error}")))?;
        let mut input = self.input.take();
        let call = std::mem::take(&mut self.call);
        let say = async {
            if let Some(input) = &mut input {
                // A helper that does not listen to the end has an answer, or an exit status.
                let _ = input.write_all(&call).await;
            }
            drop(input);
        };
        let (begun, ()) = tokio::join!(collect(&mut self.answer), say);
        let (mut begun, is_all) = begun;
        if is_all {
            self.check_exit().await?;
        }
        let end = begun.iter().position(|&byte| byte == b'\n').ok_or_else(no_answer)?;
        let line = begun.split_to(end + 1);
        match serde_json::from_slice(&line).map_err(|_| no_answer())? {
            GitOutcome::Failed { code, message } => Err(ApiError::new(code, message)),
            GitOutcome::Done if is_all => Ok(Answer::Whole(begun.freeze())),
            GitOutcome::Done => Ok(Answer::Long(begun.freeze(), self)),
        }
    }

    /// Waits for its end, which has to be a good one.
    async fn check_exit(&mut self) -> Result<(), ApiError> {
        let status = self.child.wait().await;
        if status.code() == 0 {
            Ok(())
        } else {
            Err(ApiError::internal(format!("the git helper ended with {status:?}")))
        }
    }

    /// The next piece of a long answer; `None` at its good end.
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let mut piece = BytesMut::with_capacity(COLLECTED_BYTES);
        if self.answer.read_buf(&mut piece).await? > 0 {
            return Ok(Some(piece.freeze()));
        }
        match self.child.wait().await.code() {
            0 => Ok(None),
            _ => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
        }
    }
}

fn no_answer() -> ApiError {
    ApiError::internal("the git helper ended without an answer")
}

/// Reads until there is enough, or the end. Says whether it is the end.
async fn collect(answer: &mut pipe::Receiver) -> (BytesMut, bool) {
    let mut bytes = BytesMut::with_capacity(COLLECTED_BYTES);
    while bytes.len() < COLLECTED_BYTES {
        // A pipe gives no errors but those that mean its end.
        if answer.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return (bytes, true);
        }
    }
    (bytes, false)
}

impl Answer {
    fn into_response(self, status: StatusCode) -> Response {
        let json = [(CONTENT_TYPE, "application/json")];
        match self {
            Self::Whole(body) if body.is_empty() => status.into_response(),
            Self::Whole(body) => (status, json, body).into_response(),
            Self::Long(begun, running) => {
                let rest = stream::try_unfold(running, |mut running| async {
                    Ok::<_, io::Error>(running.next().await?.map(|piece| (piece, running)))
                });
                let body = futures_util::StreamExt::chain(stream::iter([Ok(begun)]), rest);
                (status, json, Body::from_stream(body)).into_response()
            }
        }
    }
}
