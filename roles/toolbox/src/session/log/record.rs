//! Records as they lie in the file, and as they travel.

use std::io;

use bytes::Bytes;

/// The longest content of one record, and so about the largest frame. The size of a pipe.
pub(in crate::session) const LONGEST_RECORD: usize = 64 << 10;

/// One byte for the stream, three for the length, little-endian.
pub(super) const HEADER_BYTES: usize = 4;

/// Which of a command's two outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) enum Stream {
    Stdout = 1,
    Stderr = 2,
}

impl Stream {
    /// Both, in the order of their numbers.
    pub(in crate::session) const BOTH: [Self; 2] = [Self::Stdout, Self::Stderr];

    /// What clients find before content of this stream.
    pub(super) fn marker(self) -> [u8; 3] {
        [self as u8; 3]
    }
}

/// A piece of output. Not empty, and at most [`LONGEST_RECORD`] long once it lies in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::session) struct Record {
    pub(in crate::session) stream: Stream,
    pub(in crate::session) content: Bytes,
}

impl Record {
    /// Appends its form in the file.
    pub(super) fn encode(&self, file: &mut Vec<u8>) {
        let length = u32::try_from(self.content.len()).unwrap_or(u32::MAX).to_le_bytes();
        file.push(self.stream as u8);
        file.extend_from_slice(&length[..3]);
        file.extend_from_slice(&self.content);
    }

    /// Takes the first record off `block`. `None` if it does not hold one whole record.
    ///
    /// # Errors
    ///
    /// When the bytes are not ours: the file is its user's to change.
    pub(super) fn decode(block: &mut Bytes) -> io::Result<Option<Self>> {
        let Some(&[stream, length @ ..]) = block.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let stream = match stream {
            1 => Stream::Stdout,
            2 => Stream::Stderr,
            _ => return Err(changed()),
        };
        let [low, middle, high] = length;
        let length = u32::from_le_bytes([low, middle, high, 0]) as usize;
        if length > LONGEST_RECORD {
            return Err(changed());
        }
        let end = HEADER_BYTES + length;
        if block.len() < end {
            return Ok(None);
        }
        let content = block.split_to(end).slice(HEADER_BYTES..);
        Ok(Some(Self { stream, content }))
    }
}

/// The log has been changed by somebody else.
pub(super) fn changed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the log has been changed")
}

/// The wire's form of `records`: marks wherever the stream changes, and at the beginning, so that each
/// such piece can be read by itself.
pub(super) fn labelled(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(records.iter().map(|record| record.content.len() + 3).sum());
    let mut last = None;
    for record in records {
        if last != Some(record.stream) {
            bytes.extend_from_slice(&record.stream.marker());
            last = Some(record.stream);
        }
        bytes.extend_from_slice(&record.content);
    }
    bytes
}

/// The content of `records` without marks.
pub(super) fn combined(records: &[Record]) -> Vec<u8> {
    let parts: Vec<&[u8]> = records.iter().map(|record| record.content.as_ref()).collect();
    parts.concat()
}
