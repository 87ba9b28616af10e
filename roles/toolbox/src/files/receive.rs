//! Writing a file while it arrives.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::store::Store;
use crate::words::plain;

/// How much is gathered before it is written: large enough that the way to the pool and back does
/// not count.
const BATCH_BYTES: usize = 256 << 10;

/// A file that is arriving. Dropped before [`Receiving::finish`], nothing has happened: see [`Store`].
#[derive(Debug)]
pub(super) struct Receiving {
    store: Store,
    gathered: Vec<Bytes>,
    gathered_bytes: usize,
}

impl Receiving {
    /// Begins a file at `path`, which is absolute.
    pub(super) async fn begin(path: PathBuf) -> io::Result<Self> {
        let store = blocking(move || Store::begin(&path)).await?;
        Ok(Self { store, gathered: Vec::new(), gathered_bytes: 0 })
    }

    /// Takes the next bytes. An error ends the file: it gives back nothing that could go on.
    pub(super) async fn push(mut self, bytes: Bytes) -> io::Result<Self> {
        self.gathered_bytes += bytes.len();
        self.gathered.push(bytes);
        if self.gathered_bytes < BATCH_BYTES {
            return Ok(self);
        }
        blocking(move || self.write_gathered()).await
    }

    /// Puts the file in place. Gives back its length in bytes.
    pub(super) async fn finish(self) -> io::Result<u64> {
        blocking(move || self.write_gathered()?.store.commit()).await
    }

    fn write_gathered(mut self) -> io::Result<Self> {
        for bytes in std::mem::take(&mut self.gathered) {
            self.store.write(&bytes)?;
        }
        self.gathered_bytes = 0;
        Ok(self)
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|panic| Err(io::Error::other(panic)))
}

/// Why a file could not be stored, in words for users.
pub(super) fn reason(error: &io::Error) -> String {
    match error.kind() {
        // Also "operation not permitted": people look for these words.
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => plain(error),
    }
}

/// The same with the path that it happened on.
pub(super) fn reason_at(path: &Path, error: &io::Error) -> String {
    format!("{}: {}", path.display(), reason(error))
}
