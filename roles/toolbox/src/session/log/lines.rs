//! Bytes of one stream, held back until a line is whole.
//!
//! A line goes out when it is complete, so that two streams do not mix within lines. A piece of a
//! line goes out when it has waited long enough, is too long, or is the last; but never a part of a
//! character, unless its rest never comes.

use bytes::Bytes;

use super::record::{LONGEST_RECORD, Record, Stream};
use crate::text::{character_boundary, incomplete_character};

/// What has not gone out yet of one stream.
#[derive(Debug)]
pub(in crate::session) struct Lines {
    stream: Stream,
    /// Shorter than [`LONGEST_RECORD`] between calls.
    held: Vec<u8>,
}

impl Lines {
    pub(in crate::session) fn new(stream: Stream) -> Self {
        Self { stream, held: Vec::new() }
    }

    /// Whether a piece of a line waits for its rest.
    pub(in crate::session) fn holds_any(&self) -> bool {
        !self.held.is_empty()
    }

    /// Adds bytes; what can go out is appended to `records`.
    pub(in crate::session) fn push(&mut self, bytes: &[u8], records: &mut Vec<Record>) {
        self.held.extend_from_slice(bytes);
        let whole = match memchr::memrchr(b'\n', bytes) {
            Some(last) => self.held.len() - bytes.len() + last + 1,
            None => 0,
        };
        self.release(whole, records);
        while self.held.len() >= LONGEST_RECORD {
            let cut = character_boundary(&self.held, LONGEST_RECORD - 1);
            self.release(cut, records);
        }
    }

    /// A piece of a line has waited long enough.
    pub(in crate::session) fn flush(&mut self, records: &mut Vec<Record>) {
        self.release(self.held.len() - incomplete_character(&self.held), records);
    }

    /// Nothing more is awaited.
    pub(in crate::session) fn finish(&mut self, records: &mut Vec<Record>) {
        self.release(self.held.len(), records);
    }

    /// Lets the first `count` held bytes go, in records of a bounded length.
    fn release(&mut self, count: usize, records: &mut Vec<Record>) {
        if count == 0 {
            return;
        }
        let rest = self.held.split_off(count);
        let ready = Bytes::from(std::mem::replace(&mut self.held, rest));
        records.extend(pieces(self.stream, ready));
    }
}

/// `content` in records of a bounded length, cut between characters. None if it is empty.
pub(in crate::session) fn pieces(stream: Stream, mut content: Bytes) -> impl Iterator<Item = Record> {
    std::iter::from_fn(move || {
        let cut = match content.len() {
            0 => return None,
            length if length > LONGEST_RECORD => character_boundary(&content, LONGEST_RECORD),
            length => length,
        };
        Some(Record { stream, content: content.split_to(cut) })
    })
}
