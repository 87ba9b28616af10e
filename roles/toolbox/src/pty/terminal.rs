//! A pseudo-terminal and the shell behind it.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use bytes::Bytes;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, ptsname, unlockpt};
use rustix::termios::{InputModes, OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::environment::Environment;
use crate::spawn::{Child, Command, InvalidCommand, Reaper, Session, SpawnError, StartError};
use crate::words::plain;

/// One read's worth. The kernel gives 4 KiB at a time as a rule.
const READ_BYTES: usize = 16 << 10;

/// Why there is no terminal. The message is fit for users.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TerminalError {
    /// The sandbox has no `/dev/ptmx`, or no terminal is left.
    #[error("cannot open a terminal: {}", plain(source))]
    Open { source: io::Error },
    #[error(transparent)]
    Invalid(#[from] InvalidCommand),
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    #[error(transparent)]
    Start(#[from] StartError),
}

/// A terminal's size in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) cols: u16,
    pub(crate) rows: u16,
}

impl From<Size> for Winsize {
    fn from(size: Size) -> Self {
        Self { ws_row: size.rows, ws_col: size.cols, ws_xpixel: 0, ws_ypixel: 0 }
    }
}

/// Our end of a terminal. Dropped, the terminal hangs up.
#[derive(Debug)]
pub(crate) struct Terminal {
    ours: AsyncFd<OwnedFd>,
}

impl Terminal {
    /// Opens a terminal and forks `shell` with `-i -l` in it, as the leader of a session whose terminal it is.
    /// Whether the shell runs is told by [`Child::started`]. Must be called inside a runtime.
    pub(crate) fn start(
        shell: &OsStr,
        environment: &Environment,
        directory: &Path,
        size: Size,
        reaper: &Reaper,
    ) -> Result<(Self, Child), TerminalError> {
        let (ours, theirs) = open(size).map_err(|source| TerminalError::Open { source })?;
        let copy = || theirs.try_clone().map_err(|source| TerminalError::Open { source });
        let (stdin, stderr) = (copy()?, copy()?);
        let command = Command::new(shell, ["-i", "-l"], environment, directory, theirs)?
            .stdin(stdin)
            .stderr(stderr)
            .session(Session::OwnTerminal);
        let ours = register(ours).map_err(|source| TerminalError::Open { source })?;
        let child = reaper.spawn(command)?;
        Ok((Self { ours }, child))
    }

    /// What comes next, a few KiB at most; `None` once nobody has the terminal open. May be cancelled:
    /// nothing is lost.
    pub(crate) async fn read(&self) -> Option<Bytes> {
        loop {
            // It fails only when the runtime ends.
            let mut ready = self.ours.readable().await.ok()?;
            // Not before: hundreds of terminals are silent.
            let mut buffer = vec![0; READ_BYTES];
            match rustix::io::read(self.ours.get_ref(), &mut buffer) {
                Ok(0) => return None,
                Ok(count) => return Some(Bytes::copy_from_slice(&buffer[..count])),
                Err(Errno::AGAIN) if ready.ready().is_read_closed() => return None,
                Err(Errno::AGAIN) => ready.clear_ready(),
                Err(Errno::INTR) => {}
                // EIO is how a terminal ends.
                Err(_) => return None,
            }
        }
    }

    /// Types `bytes`; waits while nobody reads them. If it is cancelled, some of them have been typed.
    ///
    /// # Errors
    ///
    /// When nobody has the terminal open.
    pub(crate) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let mut ready = self.ours.writable().await?;
            match rustix::io::write(self.ours.get_ref(), bytes) {
                // Hung up with its queue full: the runtime would call it writable for ever.
                Ok(0) | Err(Errno::AGAIN) if ready.ready().is_write_closed() => return Err(Errno::IO.into()),
                Ok(0) | Err(Errno::AGAIN) => ready.clear_ready(),
                Ok(count) => bytes = &bytes[count..],
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Changes the size; programs in the terminal are told.
    pub(crate) fn resize(&self, size: Size) -> io::Result<()> {
        Ok(tcsetwinsize(self.ours.get_ref(), size.into())?)
    }
}

#[expect(unsafe_code, reason = "the runtime cannot know that a descriptor stays open")]
fn register(ours: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an owned descriptor stays open, and the same, until it is dropped; nobody else closes it.
    Ok(unsafe { AsyncFd::register_with_interest(ours, Interest::READABLE | Interest::WRITABLE) }?)
}

/// Both ends of a new terminal, ours non-blocking.
fn open(size: Size) -> io::Result<(OwnedFd, OwnedFd)> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let theirs = open_theirs(&ours)?;
    tcsetwinsize(&ours, size.into())?;
    let mut modes = tcgetattr(&theirs)?;
    // So that the erase key takes away a character and not a byte.
    modes.input_modes |= InputModes::IUTF8;
    tcsetattr(&theirs, OptionalActions::Now, &modes)?;
    rustix::io::ioctl_fionbio(&ours, true)?;
    Ok((ours, theirs))
}

/// By the descriptor, which needs no name in this mount namespace; kernels that cannot do that, as gVisor's
/// for long, have the name.
fn open_theirs(ours: &OwnedFd) -> io::Result<OwnedFd> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    if let Ok(theirs) = ioctl_tiocgptpeer(ours.as_fd(), flags) {
        return Ok(theirs);
    }
    let name = ptsname(ours, Vec::new())?;
    Ok(rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?)
}
