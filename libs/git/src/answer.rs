//! The helper's answer: how it went, and the body.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use paddock_wire_toolbox::GitOutcome;
use serde::Serialize;

use crate::failure::Failure;

/// The body of a success.
pub(crate) enum Answer {
    /// None.
    Empty,
    /// One JSON value.
    Json(Vec<u8>),
    /// One JSON value, too large to be held. What fails in the middle can only be told by an exit
    /// status, so all that can be checked before has to be.
    Stream(WriteBody),
}

/// Writes a body, piece by piece.
pub(crate) type WriteBody = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()>>;

impl Answer {
    /// `value` as JSON.
    pub(crate) fn json(value: &impl Serialize) -> Result<Self, Failure> {
        serde_json::to_vec(value).map(Self::Json).map_err(|error| Failure::internal(error.to_string()))
    }
}

/// Where the answer goes.
pub(crate) struct Sink(BufWriter<File>);

impl Sink {
    pub(crate) fn new(file: File) -> Self {
        Self(BufWriter::with_capacity(64 << 10, file))
    }

    /// Writes the answer.
    pub(crate) fn send(&mut self, outcome: Result<Answer, Failure>) -> io::Result<()> {
        match outcome {
            Ok(answer) => {
                self.line(&GitOutcome::Done)?;
                match answer {
                    Answer::Empty => {}
                    Answer::Json(json) => self.0.write_all(&json)?,
                    Answer::Stream(write) => write(&mut self.0)?,
                }
            }
            Err(Failure { code, message }) => self.line(&GitOutcome::Failed { code, message })?,
        }
        self.0.flush()
    }

    fn line(&mut self, outcome: &GitOutcome) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, outcome)?;
        self.0.write_all(b"\n")
    }
}
