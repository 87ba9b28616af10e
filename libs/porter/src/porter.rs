//! The runner's side: starts the two halves, hears them, and ends them.

use std::fs::File;
use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use paddock_sys::{fd, process};
use rustix::event::{PollFd, PollFlags};

use crate::child::{DIRECTORY, ERRAND, SAYS};
use crate::said::{Errand, Failure, Said, What, Why};
use crate::{Digest, Form, Limits, Meta, ObjectKey, StoreConfig};

/// The longest line that is taken from a porter, in bytes.
const MAX_LINE: u64 = 64 << 10;

/// The fail points of [`Porter::export`] and [`Porter::import`] on the caller's side, in order.
pub const PORTER_STEPS: [&str; 3] = ["porter.after_start", "porter.before_word", "porter.after_end"];

/// How porters are started.
#[derive(Debug, Clone)]
pub struct PorterConfig {
    /// The program that calls [`crate::child::run`] with what follows `arguments`.
    pub program: PathBuf,
    /// What comes before that, such as `["port"]`.
    pub arguments: Vec<String>,
    /// Who speaks to the store: user and group. Not root.
    pub user: (u32, u32),
    /// Where objects are kept.
    pub store: StoreConfig,
}

/// An object that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// Of the object, compressed as it is. What [`Porter::import`] expects.
    pub digest: Digest,
    /// The object's length.
    pub size_bytes: u64,
    /// Of the tar stream within: an OCI layer's *diff id*.
    pub uncompressed_digest: Digest,
    /// The tar stream's length.
    pub uncompressed_bytes: u64,
}

/// Why files could not be carried. The messages are fit for users; the detail of each is for the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It was cancelled.
    #[error("it was cancelled")]
    Cancelled,
    /// There is no such object.
    #[error("the object store does not have {key}")]
    NotFound {
        /// Which.
        key: ObjectKey,
        /// More.
        detail: String,
    },
    /// Trying again later may help.
    #[error("the object store cannot be reached")]
    Unreachable {
        /// More.
        detail: String,
    },
    /// Its settings, or its keys, are wrong.
    #[error("the object store denies access")]
    Denied {
        /// More.
        detail: String,
    },
    /// No room for the object.
    #[error("the object store is full")]
    StoreFull {
        /// More.
        detail: String,
    },
    /// What came back is not what was put.
    #[error("{key} is damaged: its checksum does not match")]
    Damaged {
        /// Which.
        key: ObjectKey,
        /// More.
        detail: String,
    },
    /// No room for the files.
    #[error("the sandbox's disk is full")]
    DiskFull {
        /// More.
        detail: String,
    },
    /// It holds what an archive of ours does not.
    #[error("{key} is not an archive that can be unpacked: {detail}")]
    Refused {
        /// Which.
        key: ObjectKey,
        /// More.
        detail: String,
    },
    /// It is more, unpacked, than it may be.
    #[error("{key} is refused: {detail}")]
    TooLarge {
        /// Which.
        key: ObjectKey,
        /// How much.
        detail: String,
    },
    /// The files cannot be told in the form that was asked for.
    #[error("the files cannot be kept so: {detail}")]
    Unfit {
        /// Which, and why.
        detail: String,
    },
    /// Something else went wrong with the files or with a porter.
    #[error("could not carry the files: {detail}")]
    Failed {
        /// More.
        detail: String,
    },
    /// A step of ours failed.
    #[error("could not {action}")]
    Io {
        /// The step.
        action: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A test wanted it so.
    #[error(transparent)]
    Injected(#[from] paddock_failpoint::Injected),
}

impl Error {
    fn io(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, source }
    }

    /// Whether trying again, unchanged, may help.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    fn told(failure: Failure, key: &ObjectKey) -> Self {
        let (detail, key) = (failure.detail, key.clone());
        match failure.why {
            Why::NotFound => Self::NotFound { key, detail },
            Why::Unreachable => Self::Unreachable { detail },
            Why::Denied => Self::Denied { detail },
            Why::StoreFull => Self::StoreFull { detail },
            Why::Damaged => Self::Damaged { key, detail },
            Why::DiskFull => Self::DiskFull { detail },
            Why::Refused | Why::Cut => Self::Refused { key, detail },
            Why::TooLarge => Self::TooLarge { key, detail },
            Why::Unfit => Self::Unfit { detail },
            Why::OtherHalf | Why::Other => Self::Failed { detail },
        }
    }
}

/// A call that can be told to end: see [`cancel`].
#[derive(Debug, Clone)]
pub struct Cancel(Arc<OwnedFd>);

/// Tells it. Dropping it tells nothing.
#[derive(Debug, Clone)]
pub struct Canceller(Arc<OwnedFd>);

/// A pair: what [`Canceller::cancel`] is called on ends every call that was given the other.
///
/// # Errors
/// When no descriptor can be had.
pub fn cancel() -> io::Result<(Canceller, Cancel)> {
    let event = Arc::new(rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC)?);
    Ok((Canceller(event.clone()), Cancel(event)))
}

impl Canceller {
    /// Ends the calls. May be repeated, and may come before them.
    pub fn cancel(&self) {
        // It can fail only when it was called 2⁶⁴ times.
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }
}

/// Carries files. Calls are independent of each other, and block.
#[derive(Debug, Clone)]
pub struct Porter {
    config: PorterConfig,
}

/// Ends with this value, whatever happened.
struct Half {
    child: Child,
    says: BufReader<PipeReader>,
    last: Option<Said>,
    is_heard: bool,
}

impl Drop for Half {
    fn drop(&mut self) {
        // Ours and not waited for: the number is its own still.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Porter {
    /// Starts nothing yet.
    pub fn new(config: PorterConfig) -> Self {
        Self { config }
    }

    /// Makes the object `key` of the tree in `root`: for an archive a volume, for a layer an upper, that holds still.
    /// `progress` is told how many bytes of the object are in the store. The object is there when this returns
    /// without an error, and only then; what an unfinished upload left is used by the next try with the same tree.
    pub fn export(
        &self,
        root: &Path,
        form: Form,
        key: &ObjectKey,
        progress: &mut dyn FnMut(u64),
        cancel: &Cancel,
    ) -> Result<Exported, Error> {
        let directory = File::open(root).map_err(Error::io("open the files"))?;
        let (from_packer, to_carrier) = wide_pipe()?;
        let packer = self.start(
            &["pack", spell(form)],
            None,
            Some(to_carrier.into()),
            Some((DIRECTORY, directory.into())),
        )?;
        let (carrier, word) = self.start_carrier(What::Send, key, Some(from_packer.into()), None)?;
        let mut word = Some(word);
        paddock_failpoint::hit("porter.after_start")?;
        let mut halves = [packer, carrier];
        let mut packed = None;
        hear(&mut halves, cancel, |half, heard| match (half, heard) {
            (1, Heard::Said(Said::Progress(bytes))) => {
                progress(*bytes);
                Ok(())
            }
            (0, Heard::Said(Said::Packed(stream))) => {
                packed = Some(*stream);
                paddock_failpoint::hit("porter.before_word")?;
                // Only now may what was sent become an object. A carrier that is gone says why itself.
                if let Some(mut word) = word.take() {
                    let _ = word.write_all(b"!");
                }
                Ok(())
            }
            // A carrier that waits for the word waits no longer.
            (0, Heard::End) => {
                word = None;
                Ok(())
            }
            _ => Ok(()),
        })?;
        paddock_failpoint::hit("porter.after_end")?;
        match (verdict(halves, key)?, packed) {
            (Said::Sent(meta), Some(stream)) => Ok(Exported {
                digest: meta.digest,
                size_bytes: meta.size_bytes,
                uncompressed_digest: stream.digest,
                uncompressed_bytes: stream.size_bytes,
            }),
            _ => Err(strange()),
        }
    }

    /// Fills `root` from the object `key`, whose sum must be `expected`: for an archive a new volume, for a layer an
    /// empty directory. `progress` is told how many bytes of the object are here. What a failure leaves in `root` is for
    /// the caller to remove. Returns the length of the tar stream.
    ///
    /// # Errors
    /// Also when everything was unpacked and its sum was wrong: only success says that the files are the right ones.
    #[expect(clippy::too_many_arguments, reason = "each is one thing that a restore is told")]
    pub fn import(
        &self,
        key: &ObjectKey,
        expected: Digest,
        form: Form,
        root: &Path,
        limits: Limits,
        progress: &mut dyn FnMut(u64),
        cancel: &Cancel,
    ) -> Result<u64, Error> {
        let directory = File::open(root).map_err(Error::io("open the files"))?;
        let (from_carrier, to_unpacker) = wide_pipe()?;
        let (members, bytes) = (limits.members.to_string(), limits.bytes.to_string());
        let arguments = ["unpack", spell(form), &members, &bytes];
        let unpacker =
            self.start(&arguments, Some(from_carrier.into()), None, Some((DIRECTORY, directory.into())))?;
        let (carrier, _word) =
            self.start_carrier(What::Fetch(expected), key, None, Some(to_unpacker.into()))?;
        paddock_failpoint::hit("porter.after_start")?;
        let mut halves = [unpacker, carrier];
        let mut is_unpacked = false;
        hear(&mut halves, cancel, |half, heard| {
            match (half, heard) {
                (1, Heard::Said(Said::Progress(bytes))) => progress(*bytes),
                (0, Heard::Said(Said::Unpacked)) => is_unpacked = true,
                _ => {}
            }
            Ok(())
        })?;
        paddock_failpoint::hit("porter.after_end")?;
        match verdict(halves, key)? {
            Said::Fetched { stream_bytes } if is_unpacked => Ok(stream_bytes),
            _ => Err(strange()),
        }
    }

    /// What is known of the object. `None`: it is not there.
    pub fn look(&self, key: &ObjectKey, cancel: &Cancel) -> Result<Option<Meta>, Error> {
        match self.ask(What::Look, key, cancel)? {
            Said::Found(meta) => Ok(meta),
            _ => Err(strange()),
        }
    }

    /// Removes the object, and what an unfinished upload of it left. One that is not there is no error.
    pub fn delete(&self, key: &ObjectKey, cancel: &Cancel) -> Result<(), Error> {
        match self.ask(What::Delete, key, cancel)? {
            Said::Deleted => Ok(()),
            _ => Err(strange()),
        }
    }

    fn ask(&self, what: What, key: &ObjectKey, cancel: &Cancel) -> Result<Said, Error> {
        let (carrier, _word) = self.start_carrier(what, key, None, None)?;
        let mut halves = [carrier];
        hear(&mut halves, cancel, |_, _| Ok(()))?;
        verdict(halves, key)
    }

    fn start_carrier(
        &self,
        what: What,
        key: &ObjectKey,
        input: Option<OwnedFd>,
        output: Option<OwnedFd>,
    ) -> Result<(Half, PipeWriter), Error> {
        let (errand, mut word) = io::pipe().map_err(Error::io("make a pipe"))?;
        let half = self.start(&["carry"], input, output, Some((ERRAND, errand.into())))?;
        let (store, user) = (self.config.store.clone(), self.config.user);
        let mut line = serde_json::to_vec(&Errand { store, user, what, key: key.clone() })
            .map_err(io::Error::from)
            .map_err(Error::io("write an errand"))?;
        line.push(b'\n');
        // One that died at once says why itself.
        let _ = word.write_all(&line);
        Ok((half, word))
    }

    fn start(
        &self,
        arguments: &[&str],
        input: Option<OwnedFd>,
        output: Option<OwnedFd>,
        extra: Option<(i32, OwnedFd)>,
    ) -> Result<Half, Error> {
        let (hears, says) = io::pipe().map_err(Error::io("make a pipe"))?;
        let mut command = Command::new(&self.config.program);
        command
            .args(&self.config.arguments)
            .args(arguments)
            // Its environment is nobody's business but that of tests.
            .env_clear()
            .envs(std::env::var_os("PADDOCK_FAILPOINTS").map(|place| ("PADDOCK_FAILPOINTS", place)))
            .stdin(input.map_or_else(Stdio::null, Stdio::from))
            .stdout(output.map_or_else(Stdio::null, Stdio::from))
            .stderr(Stdio::inherit());
        let (parent, says_number) = (std::process::id(), says.as_raw_fd());
        let extra_numbers = extra.as_ref().map(|(number, file)| (*number, file.as_raw_fd()));
        #[expect(unsafe_code, reason = "descriptors get their numbers between fork and exec")]
        // SAFETY: only prctl, getppid, dup2 and fcntl: async-signal-safe.
        unsafe {
            command.pre_exec(move || {
                process::end_with_parent(parent)?;
                // First out of the way of each other: a source may have a number that is a target.
                let says = fd::duplicate_above(says_number, 64)?;
                let extra =
                    extra_numbers.map(|(to, from)| Ok::<_, io::Error>((to, fd::duplicate_above(from, 64)?)));
                fd::place(says, SAYS)?;
                extra.map_or(Ok(()), |extra| extra.and_then(|(to, from)| fd::place(from, to)))
            });
        }
        let child = command.spawn().map_err(Error::io("start a porter"))?;
        Ok(Half { child, says: BufReader::new(hears), last: None, is_heard: false })
    }
}

/// The pipe between the halves. Wider than usual, where the host allows it, so that both work at once.
fn wide_pipe() -> Result<(PipeReader, PipeWriter), Error> {
    const WIDTH: usize = 1 << 20;
    let (reader, writer) = io::pipe().map_err(Error::io("make a pipe"))?;
    let _ = rustix::pipe::fcntl_setpipe_size(&writer, WIDTH);
    Ok((reader, writer))
}

fn spell(form: Form) -> &'static str {
    match form {
        Form::Layer => "layer",
        Form::Archive => "archive",
    }
}

/// What was heard of a half.
enum Heard<'a> {
    Said(&'a Said),
    /// It will say nothing more.
    End,
}

/// Hears every half to its end. Once one has failed by itself, the others are ended: nothing can come of them.
fn hear(
    halves: &mut [Half],
    cancel: &Cancel,
    mut on: impl FnMut(usize, Heard<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    while halves.iter().any(|half| !half.is_heard) {
        for at in wait(halves, cancel)? {
            let Some(half) = halves.get_mut(at) else { continue };
            // A porter writes whole lines; one that does not is waited for no longer than it lives.
            while let Some(said) = half.next_line().map_err(Error::io("hear a porter"))? {
                on(at, Heard::Said(&said))?;
                half.last = Some(said);
                if half.says.buffer().is_empty() {
                    break;
                }
            }
            if half.is_heard {
                on(at, Heard::End)?;
                let is_well = half.child.wait().map_err(Error::io("wait for a porter"))?.success();
                // Whether a stream that is refused is the right one is the carrier's to say, at its end.
                let may_go_on = matches!(&half.last, Some(Said::Failed(failure))
                    if failure.why.is_echo() || matches!(failure.why, Why::Refused | Why::TooLarge));
                if !is_well && !may_go_on {
                    for other in halves.iter_mut().filter(|half| !half.is_heard) {
                        other.child.kill().map_err(Error::io("end a porter"))?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// Waits until some of the halves have something to say, and returns which.
fn wait(halves: &[Half], cancel: &Cancel) -> Result<Vec<usize>, Error> {
    let open: Vec<(usize, &Half)> = (0..).zip(halves).filter(|(_, half)| !half.is_heard).collect();
    let mut waiting = vec![PollFd::new(&*cancel.0, PollFlags::IN)];
    waiting.extend(open.iter().map(|(_, half)| PollFd::new(half.says.get_ref(), PollFlags::IN)));
    match rustix::event::poll(&mut waiting, None) {
        Err(rustix::io::Errno::INTR) => return Ok(Vec::new()),
        other => other.map_err(|error| Error::io("wait for a porter")(error.into()))?,
    };
    let mut is_ready = waiting.iter().map(|one| !one.revents().is_empty());
    if is_ready.next() == Some(true) {
        return Err(Error::Cancelled);
    }
    Ok(open.iter().zip(is_ready).filter(|(_, ready)| *ready).map(|((at, _), _)| *at).collect())
}

impl Half {
    /// One line. `None`: it has said all.
    fn next_line(&mut self) -> io::Result<Option<Said>> {
        let mut line = Vec::new();
        io::Read::take(&mut self.says, MAX_LINE).read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            self.is_heard = true;
            return Ok(None);
        }
        Ok(Some(serde_json::from_slice(&line)?))
    }
}

/// The carrier's last word, or the failure that explains the others. The last half is the carrier.
fn verdict<const N: usize>(mut halves: [Half; N], key: &ObjectKey) -> Result<Said, Error> {
    let mut failures = Vec::new();
    let mut echoes = Vec::new();
    let mut silent = Vec::new();
    for half in &mut halves {
        let status = half.child.wait().map_err(Error::io("wait for a porter"))?;
        match half.last.take() {
            Some(Said::Failed(failure)) if failure.why.is_echo() => echoes.push(failure),
            Some(Said::Failed(failure)) => failures.push(failure),
            said if status.success() => half.last = said,
            _ => silent.push(status),
        }
    }
    // Damage explains whatever was thought of the content.
    failures.sort_by_key(|failure| failure.why != Why::Damaged);
    if let Some(failure) = failures.into_iter().next() {
        return Err(Error::told(failure, key));
    }
    if let Some(status) = silent.first() {
        return Err(Error::Failed { detail: format!("a porter was ended by {status}") });
    }
    if let Some(failure) = echoes.pop() {
        return Err(Error::told(failure, key));
    }
    halves.last_mut().and_then(|half| half.last.take()).ok_or_else(strange)
}

fn strange() -> Error {
    Error::Failed { detail: "a porter said something strange".to_owned() }
}
