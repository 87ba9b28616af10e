//! Where a log lies, and how it grows.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{Mutex, watch};

use super::record::{Record, Stream};
use crate::memory_file::memory_file;
use crate::session::directory::Root;
use crate::words::plain;

/// Where a log is kept.
#[derive(Debug, Clone)]
pub(in crate::session) enum Place {
    /// A file of this name, made when there is something to keep.
    File(PathBuf),
    /// A file without a name, made when there is something to keep.
    Nameless(Arc<Root>),
    /// Memory, since no directory can be written.
    Memory,
}

/// How far a log has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::session) struct Progress {
    /// So much of the file is whole records.
    pub(in crate::session) stored_bytes: u64,
    /// The command has ended and everything that it had written by then is stored. Processes that it
    /// left behind may still add to the log.
    pub(in crate::session) is_finished: bool,
}

/// The log of one command. It outlives the command, and its file goes with the session.
#[derive(Debug)]
pub(in crate::session) struct Log {
    place: Place,
    writer: Arc<Mutex<Writer>>,
    progress: watch::Sender<Progress>,
}

#[derive(Debug, Default)]
struct Writer {
    /// Open while the log grows; one without a name for good.
    file: Option<Arc<File>>,
    has_no_name: bool,
    stored_bytes: u64,
    /// What could not be stored since the last record that could.
    lost_bytes: u64,
}

impl Log {
    pub(in crate::session) fn new(place: Place) -> Arc<Self> {
        Arc::new(Self { place, writer: Arc::default(), progress: watch::Sender::new(Progress::default()) })
    }

    /// Adds what is in `records` and empties it. Appends are stored in the order of the calls. If the
    /// caller stops waiting, either nothing has been taken or all of it is stored.
    ///
    /// What cannot be stored, on a full disk for one, is counted, and a remark takes its place as soon as
    /// something can be stored again.
    pub(in crate::session) async fn append(self: &Arc<Self>, records: &mut Vec<Record>) {
        if records.is_empty() {
            return;
        }
        let mut writer = Arc::clone(&self.writer).lock_owned().await;
        let (records, log) = (std::mem::take(records), Arc::clone(self));
        let stored = tokio::task::spawn_blocking(move || {
            writer.store(&log.place, &records);
            log.progress.send_modify(|progress| progress.stored_bytes = writer.stored_bytes);
        });
        // It fails only when the daemon ends.
        let _ = stored.await;
    }

    /// The command has ended, and all that it wrote is stored.
    pub(in crate::session) fn finish(&self) {
        self.progress.send_modify(|progress| progress.is_finished = true);
    }

    /// Waits until every append is stored, and closes the file. It is opened again if more is appended.
    pub(in crate::session) async fn close(&self) {
        let mut writer = self.writer.lock().await;
        if !writer.has_no_name {
            writer.file = None;
        }
    }

    /// Tells how far the log has come, whenever it has come further.
    pub(in crate::session) fn watch(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// The file, to be read; `None` if nothing has been written to it yet.
    ///
    /// # Errors
    ///
    /// When somebody has removed it. Blocks.
    pub(in crate::session) fn open(&self) -> io::Result<Option<Arc<File>>> {
        if self.progress.borrow().stored_bytes == 0 {
            return Ok(None);
        }
        let writer = self.writer.blocking_lock();
        match &self.place {
            Place::File(path) if !writer.has_no_name => File::open(path).map(|file| Some(Arc::new(file))),
            _ => Ok(writer.file.clone()),
        }
    }
}

impl Writer {
    fn store(&mut self, place: &Place, records: &[Record]) {
        if self.lost_bytes > 0 {
            let remark = format!("\n[log incomplete: {} bytes could not be stored]\n", self.lost_bytes);
            let remark = Record { stream: Stream::Stderr, content: remark.into() };
            if self.try_store(place, std::slice::from_ref(&remark)).is_ok() {
                self.lost_bytes = 0;
            }
        }
        if self.lost_bytes > 0 || self.try_store(place, records).is_err() {
            self.lost_bytes += records.iter().map(|record| record.content.len() as u64).sum::<u64>();
        }
    }

    /// Stores all of `records` or none.
    fn try_store(&mut self, place: &Place, records: &[Record]) -> io::Result<()> {
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => {
                let (file, has_no_name) = match place.open() {
                    // A disk that is full, for one: then better in memory than not at all.
                    Err(_) if self.stored_bytes == 0 => (Place::Memory.open()?, true),
                    opened => (opened?, !matches!(place, Place::File(_))),
                };
                self.has_no_name = has_no_name;
                Arc::clone(self.file.insert(Arc::new(file)))
            }
        };
        let mut bytes = Vec::new();
        for record in records {
            record.encode(&mut bytes);
        }
        // Over the rest of a write that has failed half way, if there was one.
        file.write_all_at(&bytes, self.stored_bytes)?;
        self.stored_bytes += bytes.len() as u64;
        Ok(())
    }
}

impl Place {
    fn open(&self) -> io::Result<File> {
        let path = match self {
            Self::File(path) => path,
            Self::Nameless(root) => {
                let Some(directory) = root.make() else { return Self::Memory.open() };
                let file = open(&directory.log(1));
                directory.remove();
                return file;
            }
            Self::Memory => return Ok(File::from(memory_file("log", &[])?)),
        };
        match (open(path), path.parent()) {
            // Somebody has cleared away the whole directory.
            (Err(error), Some(directory)) if error.kind() == io::ErrorKind::NotFound => {
                std::fs::create_dir_all(directory)?;
                open(path)
            }
            (opened, _) => opened,
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Why a log cannot be read, in words.
pub(super) fn cannot_read(error: &io::Error) -> String {
    format!("the log cannot be read: {}", plain(error))
}
