//! Reading a log from its beginning, to its present end or as long as it grows.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use super::file::{Log, Progress};
use super::record::{HEADER_BYTES, LONGEST_RECORD, Record, changed, combined, labelled};

/// Where a read ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) enum Until {
    /// At what is stored when it begins.
    Now,
    /// When the command has ended and all that was stored by then has been read.
    Finished,
}

/// A position in a log. Many may read the same log; none of them holds more than one block of it.
#[derive(Debug)]
pub(in crate::session) struct Reader {
    log: Arc<Log>,
    progress: watch::Receiver<Progress>,
    file: Option<Arc<File>>,
    offset: u64,
    /// Known from the beginning, or once the command has ended.
    end: Option<u64>,
}

impl Reader {
    pub(in crate::session) fn new(log: &Arc<Log>, until: Until) -> Self {
        let mut progress = log.watch();
        let now = *progress.borrow_and_update();
        let end = (until == Until::Now || now.is_finished).then_some(now.stored_bytes);
        Self { log: Arc::clone(log), progress, file: None, offset: 0, end }
    }

    /// How many bytes are to be read, if that is known already.
    pub(in crate::session) fn length(&self) -> Option<u64> {
        self.end
    }

    /// Goes back to the beginning.
    pub(super) fn rewind(&mut self) {
        self.offset = 0;
    }

    /// The next records, a block's worth at most; waits for some. `None` at the end. May be cancelled:
    /// nothing is skipped.
    ///
    /// # Errors
    ///
    /// When the file is gone, or is not as it was written.
    pub(in crate::session) async fn next(&mut self) -> io::Result<Option<Vec<Record>>> {
        let stored = loop {
            if self.end.is_some_and(|end| self.offset >= end) {
                return Ok(None);
            }
            let now = *self.progress.borrow_and_update();
            if now.is_finished && self.end.is_none() {
                self.end = Some(now.stored_bytes);
                continue;
            }
            let stored = self.end.unwrap_or(now.stored_bytes);
            if stored > self.offset {
                break stored;
            }
            // The sender lives in the log, which is held here.
            let _ = self.progress.changed().await;
        };
        let (log, known, offset) = (Arc::clone(&self.log), self.file.clone(), self.offset);
        let read = tokio::task::spawn_blocking(move || {
            let file = match known {
                Some(file) => file,
                None => log.open()?.ok_or_else(changed)?,
            };
            let block = read_block(&file, offset, stored)?;
            Ok::<_, io::Error>((file, block))
        });
        let (file, mut block) = read.await.map_err(io::Error::other)??;
        self.file = Some(file);
        let whole = block.len();
        let mut records = Vec::new();
        while let Some(record) = Record::decode(&mut block)? {
            records.push(record);
        }
        if records.is_empty() {
            return Err(changed());
        }
        self.offset += (whole - block.len()) as u64;
        Ok(Some(records))
    }

    /// As [`Reader::next`], with marks; each piece begins with one.
    pub(in crate::session) async fn next_labelled(&mut self) -> io::Result<Option<Bytes>> {
        Ok(self.next().await?.map(|records| labelled(&records).into()))
    }

    /// As [`Reader::next`], without marks.
    pub(in crate::session) async fn next_combined(&mut self) -> io::Result<Option<Bytes>> {
        Ok(self.next().await?.map(|records| combined(&records).into()))
    }
}

/// What lies between `offset` and `end`, cut after a block's length. A block holds one whole record at
/// least.
fn read_block(file: &File, offset: u64, end: u64) -> io::Result<Bytes> {
    let longest = HEADER_BYTES + LONGEST_RECORD;
    let length = usize::try_from(end - offset).map_or(longest, |left| left.min(longest));
    let mut block = vec![0; length];
    file.read_exact_at(&mut block, offset)?;
    Ok(block.into())
}
