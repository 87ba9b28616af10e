//! Reading a command's two pipes into its log.

use std::future::pending;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use tokio::net::unix::pipe;
use tokio::time::{Instant, sleep_until};

use super::log::{LONGEST_RECORD, Lines, Log, Record, Stream};

/// How long a piece of a line waits for its rest when nothing more comes.
const SILENCE: Duration = Duration::from_millis(100);

/// How long it waits while more of the line comes, as from a progress bar.
const PATIENCE: Duration = Duration::from_millis(500);

/// The reading ends of standard output and standard error, and what of them is not in a log yet.
#[derive(Debug)]
pub(super) struct Streams {
    /// In the order of [`Stream::BOTH`].
    sources: [Source; 2],
    /// On its way to the log.
    records: Vec<Record>,
}

#[derive(Debug)]
struct Source {
    /// `None` once nobody holds the other end.
    pipe: Option<pipe::Receiver>,
    lines: Lines,
    waiting: Waiting,
}

/// How long a held piece of a line has been waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    /// None is held, or none that may go out.
    No,
    Since {
        first: Instant,
        last: Instant,
    },
}

impl Streams {
    /// Must be called inside a runtime.
    pub(super) fn new(stdout: OwnedFd, stderr: OwnedFd) -> io::Result<Self> {
        let source = |fd, stream| {
            let pipe = Some(pipe::Receiver::from_owned_fd(fd)?);
            Ok::<_, io::Error>(Source { pipe, lines: Lines::new(stream), waiting: Waiting::No })
        };
        let [first, second] = Stream::BOTH;
        Ok(Self { sources: [source(stdout, first)?, source(stderr, second)?], records: Vec::new() })
    }

    /// Whether anybody may still write.
    pub(super) fn is_open(&self) -> bool {
        self.sources.iter().any(|source| source.pipe.is_some())
    }

    /// Waits until there is something for the log and stores it. Never ready if nothing can come any
    /// more. May be cancelled: nothing is lost.
    pub(super) async fn pump(&mut self, log: &Arc<Log>) {
        if self.records.is_empty() {
            self.read().await;
        }
        log.append(&mut self.records).await;
    }

    /// Reads and drops whatever comes, for output that belongs to no command. Never returns.
    pub(super) async fn discard(&mut self) {
        loop {
            self.read().await;
            self.records.clear();
        }
    }

    /// Reads what the pipes hold now and not more, since others than the command may never stop writing;
    /// and lets go of what has waited for the end of a line.
    pub(super) async fn drain(&mut self, log: &Arc<Log>) {
        log.append(&mut self.records).await;
        for source in &mut self.sources {
            let held = source.held_bytes();
            let mut read = 0;
            // One read beyond, to see the end of the pipe.
            while read <= held {
                match source.read_now(&mut self.records) {
                    0 => break,
                    count => read += count,
                }
                log.append(&mut self.records).await;
            }
            source.lines.finish(&mut self.records);
            source.waiting = Waiting::No;
        }
        log.append(&mut self.records).await;
    }

    async fn read(&mut self) {
        let [first, second] = &mut self.sources;
        let ready = tokio::select! {
            () = first.ready() => first,
            () = second.ready() => second,
        };
        ready.take(&mut self.records);
    }
}

impl Source {
    /// Waits until [`Source::take`] has something to do.
    async fn ready(&self) {
        let Some(pipe) = &self.pipe else { return pending().await };
        match self.waiting {
            // An error is the pipe's end, which the read finds.
            Waiting::No => drop(pipe.readable().await),
            Waiting::Since { first, last } => tokio::select! {
                _ = pipe.readable() => {}
                () = sleep_until((last + SILENCE).min(first + PATIENCE)) => {}
            },
        }
    }

    /// Reads once, or finds that a piece of a line has waited long enough.
    fn take(&mut self, records: &mut Vec<Record>) {
        let Some(pipe) = &self.pipe else { return };
        let mut buffer = vec![0; LONGEST_RECORD];
        match pipe.try_read(&mut buffer) {
            Ok(0) => self.end(records),
            Ok(count) => self.push(&buffer[..count], records),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.lose_patience(records),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => self.end(records),
        }
    }

    fn push(&mut self, bytes: &[u8], records: &mut Vec<Record>) {
        let before = records.len();
        self.lines.push(bytes, records);
        let now = Instant::now();
        self.waiting = match self.waiting {
            _ if !self.lines.holds_any() => Waiting::No,
            Waiting::Since { first, .. } if records.len() == before => Waiting::Since { first, last: now },
            _ => Waiting::Since { first: now, last: now },
        };
    }

    fn lose_patience(&mut self, records: &mut Vec<Record>) {
        let Waiting::Since { first, last } = self.waiting else { return };
        if Instant::now() >= (last + SILENCE).min(first + PATIENCE) {
            self.lines.flush(records);
            // What is still held is the beginning of a character, whose rest a read will bring.
            self.waiting = Waiting::No;
        }
    }

    fn end(&mut self, records: &mut Vec<Record>) {
        self.lines.finish(records);
        self.waiting = Waiting::No;
        self.pipe = None;
    }

    fn held_bytes(&self) -> usize {
        let held = self.pipe.as_ref().and_then(|pipe| rustix::io::ioctl_fionread(pipe).ok());
        held.and_then(|held| usize::try_from(held).ok()).unwrap_or(0)
    }

    /// Reads without waiting, whatever the runtime knows of the pipe. 0 if nothing is there.
    fn read_now(&mut self, records: &mut Vec<Record>) -> usize {
        let Some(pipe) = &self.pipe else { return 0 };
        let mut buffer = vec![0; LONGEST_RECORD];
        match rustix::io::read(pipe, &mut buffer) {
            Ok(0) => self.end(records),
            Ok(count) => {
                self.push(&buffer[..count], records);
                return count;
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.end(records),
        }
        0
    }
}
