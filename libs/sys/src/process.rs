//! Processes named so that a number that came back cannot be mistaken for the one it was.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::check;

/// A process: its number and its start time (ticks since boot, field 22 of `/proc/<pid>/stat`).
/// Within one boot the two together name one process for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Process {
    /// The process id in the initial pid namespace.
    pub pid: i32,
    /// When it started.
    pub start_ticks: u64,
}

impl Process {
    /// The process that has `pid` now. `None`: there is none.
    pub fn of(pid: i32) -> Option<Self> {
        let (_, start_ticks) = read_stat(pid).ok()??;
        Some(Self { pid, start_ticks })
    }

    /// Whether it is still there and not a zombie, as far as can be told.
    pub fn is_alive(&self) -> bool {
        self.check_alive().unwrap_or(false)
    }

    /// Whether it is still there and not a zombie.
    ///
    /// # Errors
    /// When that cannot be looked up, which says nothing about the process.
    fn check_alive(&self) -> io::Result<bool> {
        let now = read_stat(self.pid)?;
        Ok(now.is_some_and(|(state, start)| start == self.start_ticks && !matches!(state, 'Z' | 'X')))
    }

    /// A descriptor that becomes readable when the process ends. `None`: it has ended.
    ///
    /// # Errors
    /// When it cannot be told whether it is there.
    pub fn open(&self) -> io::Result<Option<OwnedFd>> {
        // SAFETY: integers only.
        let result = check(unsafe { libc::syscall(libc::SYS_pidfd_open, self.pid, 0) });
        let fd = match result {
            Ok(fd) => i32::try_from(fd).map_err(io::Error::other)?,
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Ok(None),
            Err(error) => return Err(error),
        };
        // SAFETY: just returned by the kernel, owned by nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        // Only now is the number pinned: is it still the same process?
        Ok(self.check_alive()?.then_some(fd))
    }
}

/// Sends `signal` to the process behind `pidfd`. A process that has ended is no error.
pub fn signal(pidfd: &OwnedFd, signal: i32) -> io::Result<()> {
    // SAFETY: a null siginfo is allowed.
    let result = check(unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    });
    match result {
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        other => other.map(|_| ()),
    }
}

/// Waits until the process behind `pidfd` has ended.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`] when it has not within `limit`.
pub fn wait_for_end(pidfd: &OwnedFd, limit: std::time::Duration) -> io::Result<()> {
    if wait_readable(pidfd, limit)? { Ok(()) } else { Err(io::ErrorKind::TimedOut.into()) }
}

/// Waits until something can be read from `file`, or its other side is closed. `false`: not within `limit`.
pub fn wait_readable(file: &impl AsRawFd, limit: std::time::Duration) -> io::Result<bool> {
    wait(file, libc::POLLIN, limit)
}

fn wait(file: &impl AsRawFd, events: libc::c_short, limit: std::time::Duration) -> io::Result<bool> {
    let mut poll = libc::pollfd { fd: file.as_raw_fd(), events, revents: 0 };
    let limit = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: one valid pollfd.
    check(unsafe { libc::c_long::from(libc::poll(&raw mut poll, 1, limit)) }).map(|ready| ready > 0)
}

/// Waits until the control file `file` of the kernel, which was read before, changed. `false`: not within `limit`.
pub fn wait_changed(file: &impl AsRawFd, limit: std::time::Duration) -> io::Result<bool> {
    wait(file, libc::POLLPRI, limit)
}

/// Gives SIGINT its default meaning in the calling process, for a child whose parent ignores it. Async-signal-safe.
pub fn heed_interrupts() {
    // SAFETY: integers only.
    unsafe {
        libc::signal(libc::SIGINT, libc::SIG_DFL);
    }
}

/// Has the calling process killed when the thread that forked it ends. `parent` is that thread's process: one that has
/// ended already is an error. What the caller forks does not inherit this. Async-signal-safe.
pub fn end_with_parent(parent: u32) -> io::Result<()> {
    // SAFETY: integers only.
    unsafe {
        check(libc::c_long::from(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0)))?;
        if libc::getppid().cast_unsigned() != parent {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
    }
    Ok(())
}

/// Raises the soft limit of open files of the calling process to the hard one.
pub fn raise_open_files() -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the struct is valid for both calls.
    unsafe {
        check(libc::c_long::from(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit)))?;
        limit.rlim_cur = limit.rlim_max;
        check(libc::c_long::from(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit)))?;
    }
    Ok(())
}

/// Lowers both limits of open files of the calling process to `at_most`. Async-signal-safe.
pub fn limit_open_files(at_most: u64) -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the struct is valid for both calls.
    unsafe {
        check(libc::c_long::from(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit)))?;
        limit.rlim_max = limit.rlim_max.min(at_most);
        limit.rlim_cur = limit.rlim_max;
        check(libc::c_long::from(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit)))?;
    }
    Ok(())
}

/// State and start time of the process that has `pid` now. `None`: there is none.
fn read_stat(pid: i32) -> io::Result<Option<(char, u64)>> {
    let stat = match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Err(error)
            if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH) =>
        {
            return Ok(None);
        }
        other => other?,
    };
    // The name in parentheses may hold anything, so count from its last closing one.
    let fields =
        stat.rsplit_once(") ").map(|(_, rest)| rest.split(' ').collect::<Vec<_>>()).unwrap_or_default();
    let state = fields.first().and_then(|field| field.chars().next());
    let start = fields.get(19).and_then(|field| field.parse().ok());
    match (state, start) {
        (Some(state), Some(start)) => Ok(Some((state, start))),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_not_its_successor() {
        let me = Process::of(std::process::id() as i32).unwrap();
        assert!(me.is_alive());
        let other = Process { start_ticks: me.start_ticks + 1, ..me };
        assert!(!other.is_alive());
        assert!(other.open().unwrap().is_none());
    }
}
