//! Logs as answers over HTTP.
//!
//! A log can be larger than memory, so it is read from its file while it is sent, once for each form
//! in which the answer has it. A short one goes out whole, with a length.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header::CONTENT_TYPE;

use super::file::cannot_read;
use super::reader::Until;
use super::record::{Record, Stream, combined, labelled};
use super::{Log, Reader};
use crate::http::{ApiError, LogForm};
use crate::text::escape;

/// Logs up to this size go out as one body with a length. One block.
const SHORT_BYTES: u64 = 64 << 10;

/// What stands before the output in a JSON answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::session) enum Head {
    /// The answer is the log alone.
    Log,
    /// The answer of a command that has ended.
    Command { id: String, exit_code: i32 },
}

/// `{…, "output": …}` with the log as it is now; `stdout` and `stderr` beside it if `form` is split.
pub(in crate::session) async fn labelled_json(
    log: &Arc<Log>,
    head: Head,
    form: LogForm,
) -> Result<Response, ApiError> {
    let (start, end) = match head {
        Head::Log => (String::from('{'), String::from('}')),
        // The id is a UUID of ours and needs no quoting.
        Head::Command { id, exit_code } => {
            (format!(r#"{{"cmdId":"{id}","#), format!(r#","exitCode":{exit_code}}}"#))
        }
    };
    let mut parts = vec![Part::Literal(format!(r#"{start}"output":""#)), Part::Output(form)];
    if form == LogForm::Split {
        parts.push(Part::Literal(r#"","stdout":""#.to_owned()));
        parts.push(Part::Stream(Stream::Stdout));
        parts.push(Part::Literal(r#"","stderr":""#.to_owned()));
        parts.push(Part::Stream(Stream::Stderr));
    }
    parts.push(Part::Literal(format!("\"{end}")));
    respond(log, parts, "application/json").await
}

/// The log as it is now, as plain text.
pub(in crate::session) async fn text(log: &Arc<Log>, form: LogForm) -> Result<Response, ApiError> {
    respond(log, vec![Part::Raw(form)], "text/plain; charset=utf-8").await
}

/// A part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// The whole log as the inside of a JSON string.
    Output(LogForm),
    /// One stream as the inside of a JSON string.
    Stream(Stream),
    /// The bytes of the log.
    Raw(LogForm),
}

impl Part {
    fn render(&self, records: &[Record]) -> Vec<u8> {
        let plain = |form| match form {
            LogForm::Combined => combined(records),
            LogForm::Labelled | LogForm::Split => labelled(records),
        };
        let mut bytes = Vec::new();
        match self {
            Self::Literal(text) => bytes.extend_from_slice(text.as_bytes()),
            Self::Output(form) => escape(&plain(*form), &mut bytes),
            Self::Stream(stream) => {
                for record in records.iter().filter(|record| record.stream == *stream) {
                    escape(&record.content, &mut bytes);
                }
            }
            Self::Raw(form) => return plain(*form),
        }
        bytes
    }
}

async fn respond(log: &Arc<Log>, parts: Vec<Part>, content_type: &'static str) -> Result<Response, ApiError> {
    let mut reader = Reader::new(log, Until::Now);
    let is_short = reader.length().is_some_and(|length| length <= SHORT_BYTES);
    // The first block is read before the answer begins, so that a log that is gone can be told.
    let first = reader.next().await.map_err(|error| ApiError::not_found(cannot_read(&error)))?;
    let first = first.unwrap_or_default();
    let body = if is_short {
        let mut records = first;
        while let Some(more) =
            reader.next().await.map_err(|error| ApiError::not_found(cannot_read(&error)))?
        {
            records.extend(more);
        }
        Body::from(parts.iter().flat_map(|part| part.render(&records)).collect::<Vec<u8>>())
    } else {
        reader.rewind();
        Body::from_stream(stream::try_unfold(Sending { reader, parts, at: 0 }, Sending::next))
    };
    Ok(([(CONTENT_TYPE, content_type)], body).into_response())
}

/// An answer on its way.
struct Sending {
    reader: Reader,
    parts: Vec<Part>,
    at: usize,
}

impl Sending {
    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        loop {
            let Some(part) = self.parts.get(self.at) else { return Ok(None) };
            if matches!(part, Part::Literal(_)) {
                let bytes = part.render(&[]);
                self.at += 1;
                return Ok(Some((bytes.into(), self)));
            }
            match self.reader.next().await? {
                Some(records) => {
                    let bytes = part.render(&records);
                    if !bytes.is_empty() {
                        return Ok(Some((bytes.into(), self)));
                    }
                }
                None => {
                    self.at += 1;
                    self.reader.rewind();
                }
            }
        }
    }
}
