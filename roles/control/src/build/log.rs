//! What builds say: one file each, written by the build, read by whoever asks, now or later.

use std::collections::HashMap;
use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Duration, Instant, sleep};

use super::Key;
use crate::app::App;

/// The longest log. What a build says beyond it is not kept.
const MOST_BYTES: u64 = 16 << 20;
/// How much is read at once.
const PIECE_BYTES: usize = 64 << 10;

/// The logs of all builds.
#[derive(Debug)]
pub(crate) struct Logs {
    directory: PathBuf,
    open: Mutex<HashMap<Key, watch::Receiver<u64>>>,
}

/// How long a reader waits for a log that has not begun.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often it is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What a build has said; with `follow` also what it says until its end. A build that has neither begun nor ended is waited
/// for; the sender of an answer that is nothing yet is better than an error. `None`: nothing was said.
pub(crate) async fn read(
    app: &App,
    key: &Key,
    follow: bool,
    is_ended: bool,
) -> Option<impl Stream<Item = std::io::Result<Bytes>> + Send + use<>> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(log) = app.builds.logs.read(key, follow).await {
            return Some(log);
        }
        if is_ended || Instant::now() >= end {
            return None;
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// The log of a build that runs. Its end is the end of this value.
#[derive(Debug)]
pub(super) struct Log {
    logs: Arc<Logs>,
    key: Key,
    file: Option<File>,
    length: u64,
    told: watch::Sender<u64>,
    /// The last character was not the end of a line.
    is_open_line: bool,
}

impl Logs {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory, open: Mutex::default() }
    }

    /// Begins a log; what an earlier build of the same name said is forgotten. A disk that is full costs the log, not the build.
    pub(super) async fn begin(self: &Arc<Self>, key: &Key) -> Log {
        let path = self.path(key);
        let file = match create(&path).await {
            Ok(file) => Some(file),
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "a build has no log");
                None
            }
        };
        let (told, hears) = watch::channel(0);
        self.lock().insert(key.clone(), hears);
        Log { logs: Arc::clone(self), key: key.clone(), file, length: 0, told, is_open_line: false }
    }

    /// What a build has said; with `follow` also what it says from now on, until it ends. `None`: there is nothing, and
    /// nobody is going to say anything.
    pub(crate) async fn read(
        &self,
        key: &Key,
        follow: bool,
    ) -> Option<impl Stream<Item = std::io::Result<Bytes>> + Send + use<>> {
        let live = self.lock().get(key).cloned().filter(|_| follow);
        let file = File::open(self.path(key)).await.ok()?;
        Some(stream::try_unfold(Reader { file, position: 0, live }, |mut reader| async move {
            Ok(reader.next().await?.map(|piece| (piece, reader)))
        }))
    }

    /// Removes what is older than a build is of use to anybody. Blocks.
    pub(crate) fn sweep(&self, before: std::time::SystemTime) {
        let Ok(organizations) = std::fs::read_dir(&self.directory) else { return };
        for entry in organizations
            .flatten()
            .filter_map(|entry| std::fs::read_dir(entry.path()).ok())
            .flatten()
            .flatten()
        {
            let is_old =
                entry.metadata().and_then(|metadata| metadata.modified()).is_ok_and(|time| time < before);
            if is_old {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    fn path(&self, key: &Key) -> PathBuf {
        // The reference is made of our own sums.
        let name: String = key.reference.chars().filter(char::is_ascii_alphanumeric).collect();
        self.directory.join(key.organization.to_string()).join(format!("{name}.log"))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, watch::Receiver<u64>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn create(path: &Path) -> std::io::Result<File> {
    if let Some(directory) = path.parent() {
        tokio::fs::create_dir_all(directory).await?;
    }
    // Who reads the old one reads it to its end.
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    File::create_new(path).await
}

impl Log {
    /// Adds a line of our own.
    pub(super) async fn line(&mut self, text: &str) {
        if self.is_open_line {
            self.add(b"\n").await;
        }
        self.add(format!("{text}\n").as_bytes()).await;
    }

    /// Adds what a command says.
    pub(super) async fn add(&mut self, bytes: &[u8]) {
        let Some(file) = &mut self.file else { return };
        if self.length >= MOST_BYTES || bytes.is_empty() {
            return;
        }
        let is_last = self.length + bytes.len() as u64 >= MOST_BYTES;
        let rest: &[u8] = if is_last { b"\n(the log is full: what follows is not kept)\n" } else { b"" };
        let written = async {
            file.write_all(bytes).await?;
            file.write_all(rest).await?;
            file.flush().await
        };
        if let Err(error) = written.await {
            tracing::warn!(%error, "a build's log could not be written");
            self.file = None;
            return;
        }
        self.length += (bytes.len() + rest.len()) as u64;
        self.is_open_line = !bytes.ends_with(b"\n") && rest.is_empty();
        self.told.send_replace(self.length);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.logs.lock().remove(&self.key);
    }
}

struct Reader {
    file: File,
    position: u64,
    /// `None`: only what is there.
    live: Option<watch::Receiver<u64>>,
}

impl Reader {
    async fn next(&mut self) -> std::io::Result<Option<Bytes>> {
        loop {
            // Asked before reading: what is written in between is not missed.
            let has_ended = match &mut self.live {
                Some(live) => {
                    live.mark_unchanged();
                    live.has_changed().is_err()
                }
                None => true,
            };
            self.file.seek(SeekFrom::Start(self.position)).await?;
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            let count = (&mut self.file).take(PIECE_BYTES as u64).read_to_end(&mut piece).await?;
            if count > 0 {
                self.position += count as u64;
                return Ok(Some(piece.into()));
            }
            if has_ended {
                return Ok(None);
            }
            if let Some(live) = &mut self.live {
                // An error is its end: then what was said last is read.
                let _ = live.changed().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use paddock_types::OrganizationId;

    use super::*;

    async fn text(stream: impl Stream<Item = std::io::Result<Bytes>>) -> String {
        let pieces: Vec<Bytes> = stream.map(Result::unwrap).collect().await;
        String::from_utf8(pieces.concat()).unwrap()
    }

    #[tokio::test]
    async fn a_follower_hears_all_to_the_end_and_others_what_is_there() {
        let temporary = tempfile::tempdir().unwrap();
        let logs = Arc::new(Logs::new(temporary.path().to_owned()));
        let key = Key { organization: OrganizationId::random(), reference: "a:b".to_owned() };
        assert!(logs.read(&key, true).await.is_none());
        let mut log = logs.begin(&key).await;
        log.line("one").await;
        let following = logs.read(&key, true).await.unwrap();
        let following = tokio::spawn(text(following));
        log.add(b"tw").await;
        assert_eq!(text(logs.read(&key, false).await.unwrap()).await, "one\ntw");
        log.line("three").await;
        drop(log);
        assert_eq!(following.await.unwrap(), "one\ntw\nthree\n");
        assert_eq!(text(logs.read(&key, true).await.unwrap()).await, "one\ntw\nthree\n");
        drop(logs.begin(&key).await);
        assert_eq!(text(logs.read(&key, true).await.unwrap()).await, "", "a new build begins anew");
    }
}
