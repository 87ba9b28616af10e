//! The process of a context, and its channel.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::time::timeout;

use crate::environment::Environment;
use crate::process::CHART_REPORTER;
use crate::spawn::{Child, Command, InvalidCommand, Reaper, Session, SpawnError, StartError, is_in_path};
use crate::words::plain;

/// What runs in the process.
const PROGRAM: &str = include_str!("worker.py");
/// The interpreters to look for, the preferred one first.
const INTERPRETERS: [&str; 2] = ["python3", "python"];
/// How long a process may take to end after SIGTERM.
const GRACE_PERIOD: Duration = Duration::from_millis(500);
/// The longest message that a worker may send; what it sends is made by the program that runs in it.
const LONGEST_MESSAGE: usize = 128 << 20;
/// The most fields of a message: a few dozen forms of what is displayed.
const MOST_FIELDS: u32 = 64;

/// Why a worker could not be started. The message is fit for users.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkerError {
    /// Something that it needs could not be made.
    #[error("cannot start an interpreter: {}", plain(source))]
    Prepare { source: io::Error },
    /// Its command cannot be.
    #[error("cannot start an interpreter: {0}")]
    Command(#[from] InvalidCommand),
    /// No process could be made.
    #[error("{0}")]
    Spawn(#[from] SpawnError),
    /// The directory or the program is not there.
    #[error("{0}")]
    Start(#[from] StartError),
}

/// What a worker says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The program raised.
    Raised { name: String, value: String, traceback: String },
    /// Something was displayed, by MIME type.
    Displayed(BTreeMap<String, String>),
    /// A figure was shown; JSON.
    Chart(String),
    /// The program has come to its end; all of its own output is written.
    Finished,
    /// The program was interrupted; all of its own output is written.
    Interrupted,
}

/// A process that runs `worker.py`. Killed with its process group when this is dropped.
#[derive(Debug)]
pub(super) struct Worker {
    child: Child,
    pub(super) channel: Channel,
    pub(super) stdout: pipe::Receiver,
    pub(super) stderr: pipe::Receiver,
}

/// The socket to a worker.
#[derive(Debug)]
pub(super) struct Channel {
    stream: UnixStream,
    incoming: Vec<u8>,
}

impl Worker {
    /// Starts one in `directory`. Ready when Python's program file runs; Python itself may still be starting.
    pub(super) async fn start(
        reaper: &Reaper,
        environment: &Environment,
        directory: &Path,
    ) -> Result<Self, WorkerError> {
        let prepare = |source| WorkerError::Prepare { source };
        let (stdout, child_stdout) = pipe_with(PipeFlags::CLOEXEC).map_err(|error| prepare(error.into()))?;
        let (stderr, child_stderr) = pipe_with(PipeFlags::CLOEXEC).map_err(|error| prepare(error.into()))?;
        let (channel, child_channel) = StdUnixStream::pair().map_err(prepare)?;
        channel.set_nonblocking(true).map_err(prepare)?;
        let interpreter = INTERPRETERS
            .into_iter()
            .find(|name| is_in_path(OsStr::new(name), environment))
            .unwrap_or("python3");
        let command = Command::new(
            OsStr::new(interpreter),
            ["-c", PROGRAM, CHART_REPORTER],
            environment,
            directory,
            child_stdout,
        )?
        .stderr(child_stderr)
        .inherit(child_channel.into())
        .session(Session::Own);
        let child = reaper.spawn(command)?;
        let mut worker = Self {
            child,
            channel: Channel {
                stream: UnixStream::from_std(channel).map_err(prepare)?,
                incoming: Vec::new(),
            },
            stdout: pipe::Receiver::from_owned_fd(stdout).map_err(prepare)?,
            stderr: pipe::Receiver::from_owned_fd(stderr).map_err(prepare)?,
        };
        worker.child.started().await?;
        Ok(worker)
    }

    /// Sends an execution. An error means that the worker has ended.
    pub(super) async fn execute(
        &mut self,
        code: &str,
        variables: &BTreeMap<String, String>,
    ) -> io::Result<()> {
        let pairs = variables.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        let fields: Vec<&str> = std::iter::once(code).chain(pairs).collect();
        let mut message = vec![b'X'];
        message.extend_from_slice(&length(fields.len())?);
        for field in fields {
            message.extend_from_slice(&length(field.len())?);
            message.extend_from_slice(field.as_bytes());
        }
        self.channel.stream.write_all(&message).await
    }

    /// Interrupts the program, as Ctrl-C does.
    pub(super) fn interrupt(&self) {
        // Fails only if it has ended.
        let _ = kill_process(self.child.group(), Signal::INT);
    }

    /// Kills the process and what it has started in its group, and waits for its end.
    pub(super) async fn kill(mut self) {
        signal(self.child.group(), Signal::KILL);
        self.child.wait().await;
    }

    /// Asks the process to end, and kills it if it does not.
    pub(super) async fn end(mut self) {
        signal(self.child.group(), Signal::TERM);
        let _ = timeout(GRACE_PERIOD, self.child.wait()).await;
        signal(self.child.group(), Signal::KILL);
    }
}

impl Channel {
    /// What the worker says next. May be cancelled: nothing is lost. An error means that it has ended, or that what
    /// it says makes no sense, since the program that runs in it got hold of the channel.
    pub(super) async fn said(&mut self) -> io::Result<Said> {
        loop {
            if let Some((said, length)) = parse(&self.incoming)? {
                self.incoming.drain(..length);
                return Ok(said);
            }
            if self.stream.read_buf(&mut self.incoming).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        signal(self.child.group(), Signal::KILL);
    }
}

fn signal(group: Pid, signal: Signal) {
    // Fails only if nothing of it is left.
    let _ = kill_process_group(group, signal);
}

fn length(length: usize) -> io::Result<[u8; 4]> {
    let length = u32::try_from(length).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    Ok(length.to_be_bytes())
}

/// The message at the beginning of `bytes` and its length; `None` if it is not there whole.
fn parse(bytes: &[u8]) -> io::Result<Option<(Said, usize)>> {
    let nonsense = || io::Error::from(io::ErrorKind::InvalidData);
    let number = |at: usize| {
        let bytes = bytes.get(at..at + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    let Some(&kind) = bytes.first() else { return Ok(None) };
    let Some(count) = number(1) else { return Ok(None) };
    if count > MOST_FIELDS {
        return Err(nonsense());
    }
    // First the lengths alone: a message that is not there whole is looked at again with every read.
    let mut at = 5;
    let mut places = Vec::new();
    for _ in 0..count {
        let Some(length) = number(at) else { return Ok(None) };
        let end = at + 4 + length as usize;
        if end > LONGEST_MESSAGE {
            return Err(nonsense());
        }
        places.push(at + 4..end);
        at = end;
        if bytes.len() < at {
            return Ok(None);
        }
    }
    let text = |place| bytes.get(place).map(|field| String::from_utf8_lossy(field).into_owned());
    let mut fields: Vec<String> = places.into_iter().filter_map(text).collect();
    let said = match (kind, fields.as_mut_slice()) {
        (b'E', [name, value, traceback]) => {
            let [name, value, traceback] = [name, value, traceback].map(std::mem::take);
            Said::Raised { name, value, traceback }
        }
        (b'D', forms) => {
            let pairs = forms.chunks_exact_mut(2);
            Said::Displayed(pairs.map(|pair| (pair[0].clone(), std::mem::take(&mut pair[1]))).collect())
        }
        (b'C', [chart]) => Said::Chart(std::mem::take(chart)),
        (b'F', []) => Said::Finished,
        (b'I', []) => Said::Interrupted,
        _ => return Err(nonsense()),
    };
    Ok(Some((said, at)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(kind: u8, fields: &[&str]) -> Vec<u8> {
        let mut message = vec![kind];
        message.extend_from_slice(&length(fields.len()).unwrap());
        for field in fields {
            message.extend_from_slice(&length(field.len()).unwrap());
            message.extend_from_slice(field.as_bytes());
        }
        message
    }

    #[test]
    fn a_message_is_read_when_it_is_whole() {
        let whole = message(b'E', &["ValueError", "no", "ValueError: no\n"]);
        for cut in 0..whole.len() {
            assert_eq!(parse(&whole[..cut]).unwrap(), None, "{cut}");
        }
        let (said, length) = parse(&[whole.as_slice(), b"F"].concat()).unwrap().unwrap();
        assert_eq!(length, whole.len());
        assert!(matches!(said, Said::Raised { name, .. } if name == "ValueError"));
    }

    #[test]
    fn a_message_that_makes_no_sense_is_an_error() {
        for nonsense in [message(b'Q', &[]), message(b'F', &["x"]), message(b'E', &["x"])] {
            assert!(parse(&nonsense).is_err());
        }
        assert!(parse(b"E\xff\xff\xff\xff").is_err(), "no memory for what a program claims");
        assert!(parse(b"C\0\0\0\x01\xff\xff\xff\xff").is_err());
    }

    proptest! {
        #[test]
        fn nothing_that_a_program_writes_into_the_channel_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn texts_arrive_as_they_were_sent(name in "\\PC*", value in "\\PC*", traceback in "\\PC*") {
            let whole = message(b'E', &[&name, &value, &traceback]);
            let (said, _) = parse(&whole).unwrap().unwrap();
            prop_assert_eq!(said, Said::Raised { name, value, traceback });
        }
    }
}
