//! Speaks to the inside of a build's sandbox: one connection for each step.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use paddock_client::{Door, OpenError};
use paddock_types::SandboxId;
use paddock_wire_runner::OpenTarget;
use paddock_wire_toolbox::{BuildEnd, BuildFrame, BuildStep};

/// Why a step did not come to an end.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    /// There is no way to the sandbox.
    #[error("the build's sandbox cannot be reached")]
    Open(#[from] OpenError),
    /// The connection was cut: the sandbox has ended, for want of memory perhaps.
    #[error("the build's sandbox has ended")]
    Cut(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It says what no toolbox of ours says.
    #[error("the build's sandbox does not answer as it should: {0}")]
    Strange(String),
}

/// A step under way.
pub(super) struct Step {
    body: Incoming,
    buffer: BytesMut,
}

/// What a step says.
#[derive(Debug)]
pub(super) enum Said {
    /// Output.
    Output(Bytes),
    /// The last.
    End(BuildEnd),
}

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Begins a step with its input.
pub(super) async fn begin(
    door: &Door,
    id: SandboxId,
    step: &BuildStep,
    input: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
) -> Result<Step, StepError> {
    let stream = door.open(id, OpenTarget::Toolbox).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| StepError::Cut(error.into()))?;
    // Ends with the connection.
    tokio::spawn(connection);
    let mut line = serde_json::to_vec(step).map_err(|error| StepError::Strange(error.to_string()))?;
    line.push(b'\n');
    let first = futures_util::stream::iter([Ok(Bytes::from(line))]);
    let body: Body =
        UnsyncBoxBody::new(StreamBody::new(first.chain(input).map(|piece| piece.map(Frame::data))));
    let request = Request::post("/internal/build/step")
        .header("host", "sandbox")
        .body(body)
        .map_err(|error| StepError::Strange(error.to_string()))?;
    let response = sender.send_request(request).await.map_err(|error| StepError::Cut(error.into()))?;
    let status = response.status();
    if status != StatusCode::OK {
        let body = http_body_util::Limited::new(response.into_body(), 64 << 10).collect().await;
        let text =
            body.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned()).unwrap_or_default();
        return Err(StepError::Strange(format!("{status} {text}")));
    }
    Ok(Step { body: response.into_body(), buffer: BytesMut::new() })
}

/// No input.
pub(super) fn nothing() -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    futures_util::stream::empty()
}

impl Step {
    /// What comes next. After [`Said::End`] nothing does.
    pub(super) async fn next(&mut self) -> Result<Said, StepError> {
        const HEAD: usize = 5;
        loop {
            if let Some(head) = self.buffer.first_chunk::<HEAD>() {
                let [kind, length @ ..] = *head;
                let length = u32::from_be_bytes(length) as usize;
                if length > BuildFrame::MOST_BYTES {
                    return Err(StepError::Strange("a frame that is too long".to_owned()));
                }
                if self.buffer.len() >= HEAD + length {
                    self.buffer.advance(HEAD);
                    let content = self.buffer.split_to(length).freeze();
                    return match kind {
                        BuildFrame::OUTPUT => Ok(Said::Output(content)),
                        BuildFrame::END => serde_json::from_slice(&content)
                            .map(Said::End)
                            .map_err(|error| StepError::Strange(error.to_string())),
                        kind => Err(StepError::Strange(format!("a frame of kind {kind}"))),
                    };
                }
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.buffer.extend(frame.into_data().unwrap_or_default()),
                Some(Err(error)) => return Err(StepError::Cut(error.into())),
                None => return Err(StepError::Cut("the answer has no end".into())),
            }
        }
    }
}
