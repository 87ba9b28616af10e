//! Splits a body into lines, with a bound on their length.

use bytes::{Buf, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

/// The longest line of a runner. Observations are short; more than this is not one.
const LONGEST_LINE: usize = 1 << 20;

/// Why there is no further line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LineError {
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] hyper::Error),
    /// A line is longer than any that makes sense.
    #[error("a line is longer than {LONGEST_LINE} bytes")]
    TooLong,
}

/// A body, read line by line.
pub(crate) struct Lines {
    body: Incoming,
    rest: BytesMut,
}

impl Lines {
    pub(crate) fn of(body: Incoming) -> Self {
        Self { body, rest: BytesMut::new() }
    }

    /// The next line without its end; `None` when the body ends. Nothing is lost if the caller stops
    /// waiting.
    pub(crate) async fn next(&mut self) -> Result<Option<BytesMut>, LineError> {
        let mut searched = 0;
        loop {
            if let Some(at) = self.rest[searched..].iter().position(|byte| *byte == b'\n') {
                let line = self.rest.split_to(searched + at);
                self.rest.advance(1);
                return Ok(Some(line));
            }
            searched = self.rest.len();
            if searched > LONGEST_LINE {
                return Err(LineError::TooLong);
            }
            if self.body.is_end_stream() {
                return Ok(None);
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(LineError::Broken(error)),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.rest.extend_from_slice(&data);
                    }
                }
            }
        }
    }
}
