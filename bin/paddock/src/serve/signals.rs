//! The supervisor's system calls: waiting for signals, reaping, preparing children.

#![expect(unsafe_code, reason = "system calls; each block says why it holds")]

use std::io;
use std::time::Duration;

/// What woke the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// It is to end.
    End,
    /// A child changed.
    Child,
    /// Nothing: the time was over.
    None,
}

/// The signals that are waited for instead of delivered.
pub(super) struct Waiting(libc::sigset_t);

/// From now on signals are waited for, and orphans become ours.
pub(super) fn block_all() -> io::Result<Waiting> {
    // SAFETY: a zeroed set is made valid by sigemptyset; the calls take valid pointers.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGCHLD] {
            libc::sigaddset(&raw mut set, signal);
        }
        if libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) != 0
            || libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0
        {
            return Err(io::Error::last_os_error());
        }
        Ok(Waiting(set))
    }
}

impl Waiting {
    /// The next signal, or [`Signal::None`] after `limit`.
    pub(super) fn next(&self, limit: Duration) -> io::Result<Signal> {
        let limit = libc::timespec {
            tv_sec: limit.as_secs().try_into().unwrap_or(libc::time_t::MAX),
            tv_nsec: limit.subsec_nanos().into(),
        };
        // SAFETY: the set and the time are valid; no information is asked for.
        match unsafe { libc::sigtimedwait(&raw const self.0, std::ptr::null_mut(), &raw const limit) } {
            libc::SIGCHLD => Ok(Signal::Child),
            signal if signal > 0 => Ok(Signal::End),
            _ => match io::Error::last_os_error() {
                error if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EINTR)) => Ok(Signal::None),
                error => Err(error),
            },
        }
    }
}

/// One child that has ended, with how.
pub(super) fn reap() -> io::Result<Option<(i32, String)>> {
    let mut status = 0;
    // SAFETY: the status is a valid pointer.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
    match pid {
        0 => Ok(None),
        -1 => match io::Error::last_os_error() {
            error if error.raw_os_error() == Some(libc::ECHILD) => Ok(None),
            error => Err(error),
        },
        pid if libc::WIFSIGNALED(status) => Ok(Some((pid, format!("signal {}", libc::WTERMSIG(status))))),
        pid => Ok(Some((pid, format!("exit status {}", libc::WEXITSTATUS(status))))),
    }
}

/// Sends a signal to one of our children.
pub(super) fn send(pid: i32, signal: i32) {
    // SAFETY: integers only; the child is unreaped, so the number is its.
    unsafe {
        libc::kill(pid, signal);
    }
}

/// Runs in a child between fork and exec: descriptors to 3, 4, …, signals as usual, death with the supervisor,
/// and for `drop_to` (uid, gid) the loss of every privilege, for ever.
pub(super) fn prepare_child(parent: u32, descriptors: &[i32], drop_to: Option<(u32, u32)>) -> io::Result<()> {
    let check = |result: libc::c_int| if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) };
    // SAFETY: only async-signal-safe calls on integers and on local memory.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        check(libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut()))?;
        // A person's Ctrl-C reaches every process of the terminal; the supervisor alone decides what ends when.
        libc::signal(libc::SIGINT, libc::SIG_IGN);
        // First out of the way of each other, then to their numbers.
        let mut moved = [0; 8];
        for (slot, &descriptor) in moved.iter_mut().zip(descriptors) {
            *slot = check(libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, 64))?;
        }
        for (number, &descriptor) in (3..).zip(moved.iter().take(descriptors.len())) {
            check(libc::dup2(descriptor, number))?;
        }
        if let Some((uid, gid)) = drop_to {
            for capability in 0..64 {
                if libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 {
                    break;
                }
            }
            check(libc::setgroups(0, std::ptr::null()))?;
            check(libc::setresgid(gid, gid, gid))?;
            check(libc::setresuid(uid, uid, uid))?;
            check(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
        }
        // After the change of user, which clears it.
        check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM, 0, 0, 0))?;
        // A parent that died before this line sends nothing any more.
        if libc::getppid().cast_unsigned() != parent {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
    }
    Ok(())
}
