//! The fork itself, and what the child does before its program takes over.
//!
//! Between fork and exec the child is a copy of one thread of a process that may have several, so
//! it calls nothing but system calls: no allocation, no lock, no formatting. Everything it needs is
//! made before. It tells its parent what went wrong in eight bytes through a pipe that the exec
//! closes; end of file means that the program runs.

use std::ffi::{CString, c_char};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::ptr;

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use super::{Command, Session};
use crate::words::plain;

/// Why a forked child did not become its program. The message is fit for users.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// The working directory cannot be entered.
    #[error("chdir {directory}: {}", plain(source))]
    Directory { directory: String, source: io::Error },
    /// The program is in none of the places where it was looked for.
    #[error("{program}: command not found")]
    NotFound { program: String },
    /// The program is there and cannot be run.
    #[error("{program}: {}", plain(source))]
    Exec { program: String, source: io::Error },
    /// Descriptors could not be arranged. Not expected.
    #[error("could not prepare the process: {}", plain(source))]
    Prepare { source: io::Error },
}

/// Becomes ready when the child has become its program, or could not.
#[derive(Debug)]
pub(super) struct Starting {
    report: pipe::Receiver,
    name: String,
    directory: CString,
}

impl Starting {
    /// Waits for the exec. Never longer than the child lives, for its end closes the pipe.
    pub(super) async fn outcome(mut self) -> Result<(), StartError> {
        let mut report = [0; REPORT_LENGTH];
        if self.report.read_exact(&mut report).await.is_err() {
            return Ok(());
        }
        let (step, errno) = report.split_at(4);
        let number = |bytes: &[u8]| bytes.try_into().map_or(0, i32::from_ne_bytes);
        let source = io::Error::from_raw_os_error(number(errno));
        Err(match number(step) {
            STEP_DIRECTORY => {
                StartError::Directory { directory: self.directory.to_string_lossy().into_owned(), source }
            }
            STEP_EXEC if source.kind() == io::ErrorKind::NotFound => {
                StartError::NotFound { program: self.name }
            }
            STEP_EXEC => StartError::Exec { program: self.name, source },
            _ => StartError::Prepare { source },
        })
    }
}

const REPORT_LENGTH: usize = 8;
const STEP_DESCRIPTORS: i32 = 1;
const STEP_DIRECTORY: i32 = 2;
const STEP_EXEC: i32 = 3;

/// The kernel's `struct sigaction` for `SIG_DFL`: all of it zero, in its longest layout.
static DEFAULT_ACTION: [u64; 4] = [0; 4];
const HIGHEST_SIGNAL: i32 = 64;
const SIGNAL_SET_BYTES: usize = 8;

/// Forks. The child is the leader of its own process group when this returns, or becomes the leader
/// of a session (and so of a group) before it becomes its program.
///
/// `null` is what a child without a standard input of its own reads.
pub(super) fn fork(command: Command, null: BorrowedFd<'_>) -> io::Result<(Pid, Starting)> {
    let (report, child_report) = pipe_with(PipeFlags::CLOEXEC)?;
    let report = pipe::Receiver::from_owned_fd(report)?;
    let candidates = pointers(&command.candidates);
    let arguments = pointers(&command.arguments);
    let environment = pointers(&command.environment);
    let inherited: Vec<RawFd> = command.inherited.iter().map(AsRawFd::as_raw_fd).collect();
    let plan = Plan {
        candidates: &candidates[..candidates.len() - 1],
        arguments: arguments.as_ptr(),
        environment: environment.as_ptr(),
        directory: command.directory.as_ptr(),
        stdin: command.stdin.as_ref().map_or(null, AsFd::as_fd).as_raw_fd(),
        stdout: command.stdout.as_raw_fd(),
        stderr: command.stderr.as_ref().unwrap_or(&command.stdout).as_raw_fd(),
        session: command.session,
        inherited: &inherited,
        executable: command.executable.as_ref().map(AsRawFd::as_raw_fd),
        report: child_report.as_raw_fd(),
    };

    let pid = fork_with_signals_blocked(&plan)?;
    // The child does the same; whoever is first wins, so that the group exists for both from here
    // on. It fails once the child has exec'd, when it is not needed any more. A child that is to lead
    // a session must not lead a group before.
    if command.session == Session::Shared {
        let _ = rustix::process::setpgid(Some(pid), Some(pid));
    }
    Ok((pid, Starting { report, name: command.name, directory: command.directory }))
}

/// A null-terminated array of pointers into `strings`.
fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
}

/// What the child needs, as plain numbers and pointers into memory that outlives the fork.
struct Plan<'a> {
    candidates: &'a [*const c_char],
    arguments: *const *const c_char,
    environment: *const *const c_char,
    directory: *const c_char,
    stdin: RawFd,
    stdout: RawFd,
    stderr: RawFd,
    session: Session,
    inherited: &'a [RawFd],
    executable: Option<RawFd>,
    report: RawFd,
}

/// The number of the first descriptor, besides the standard three, that a program may be given: the
/// highest that every shell can name.
pub(crate) const INHERITED_FD: RawFd = 9;

/// Forks with every signal blocked, so that no handler of the parent's ever runs in the child: a
/// handler there would write into the parent's own signal pipe.
#[expect(unsafe_code, reason = "fork has no safe form")]
fn fork_with_signals_blocked(plan: &Plan<'_>) -> io::Result<Pid> {
    // SAFETY: the sets are initialized by sigfillset and pthread_sigmask before they are read. After
    // the fork the child only runs `become_program`, which keeps to async-signal-safe calls and
    // never returns; the parent puts its mask back on every path.
    unsafe {
        let mut all = std::mem::zeroed();
        let mut before = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        let pid = libc::fork();
        if pid == 0 {
            become_program(plan);
        }
        let error = io::Error::last_os_error();
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut());
        if pid < 0 { Err(error) } else { Pid::from_raw(pid).ok_or(error) }
    }
}

/// The child's way from fork to exec.
///
/// # Safety
///
/// Only in a freshly forked child with all signals blocked; `plan`'s pointers must be valid.
#[expect(unsafe_code, reason = "only raw system calls are allowed between fork and exec")]
unsafe fn become_program(plan: &Plan<'_>) -> ! {
    // SAFETY: every call below is async-signal-safe; the pointers are valid by this function's
    // contract, and descriptors are numbers that the fork has copied.
    unsafe {
        for signal in 1..=HIGHEST_SIGNAL {
            // The C library's own function leaves out two signals. Fails for SIGKILL and SIGSTOP.
            libc::syscall(libc::SYS_rt_sigaction, signal, &raw const DEFAULT_ACTION, 0, SIGNAL_SET_BYTES);
        }
        match plan.session {
            Session::Shared => libc::setpgid(0, 0),
            Session::Own | Session::OwnTerminal => libc::setsid(),
        };
        // Nothing is inherited that is not meant to be, not even what a container's runtime has left
        // open by mistake. Kernels without this call are below the supported ones.
        libc::close_range(3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC.cast_signed());
        // Out of the way of INHERITED_FD. The other descriptors are used up before that one is set.
        let report = libc::fcntl(plan.report, libc::F_DUPFD_CLOEXEC, INHERITED_FD + 1);
        if report < 0 {
            fail(plan.report, STEP_DESCRIPTORS);
        }
        let executable =
            plan.executable.map(|number| libc::fcntl(number, libc::F_DUPFD_CLOEXEC, INHERITED_FD + 1));
        if executable.is_some_and(|number| number < 0) {
            fail(report, STEP_DESCRIPTORS);
        }
        // No descriptor of the parent's is below 3, so none of these overwrites what the next one needs.
        if libc::dup2(plan.stdin, 0) < 0
            || libc::dup2(plan.stdout, 1) < 0
            || libc::dup2(plan.stderr, 2) < 0
            || (plan.session == Session::OwnTerminal && libc::ioctl(0, libc::TIOCSCTTY, 0) < 0)
            || !inherit(plan.inherited)
        {
            fail(report, STEP_DESCRIPTORS);
        }
        become_ordinary_to_the_oom_killer();
        if libc::chdir(plan.directory) < 0 {
            fail(report, STEP_DIRECTORY);
        }
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
        if let Some(number) = executable {
            libc::syscall(
                libc::SYS_execveat,
                number,
                c"".as_ptr(),
                plan.arguments,
                plan.environment,
                libc::AT_EMPTY_PATH,
            );
            fail(report, STEP_EXEC);
        }
        // As execvp: the next candidate is tried if this one is not there or may not be run, and
        // "may not" is remembered, because it says more than "not there".
        let mut denied = false;
        for &candidate in plan.candidates {
            libc::execve(candidate, plan.arguments, plan.environment);
            match *libc::__errno_location() {
                libc::EACCES => denied = true,
                libc::ENOENT | libc::ENOTDIR | libc::ESTALE | libc::ENODEV | libc::ETIMEDOUT => {}
                _ => fail(report, STEP_EXEC),
            }
        }
        *libc::__errno_location() = if denied { libc::EACCES } else { libc::ENOENT };
        fail(report, STEP_EXEC)
    }
}

/// Makes the descriptors survive the exec as [`INHERITED_FD`] and the numbers below it. False if that
/// cannot be.
#[expect(unsafe_code, reason = "only raw system calls are allowed between fork and exec")]
fn inherit(descriptors: &[RawFd]) -> bool {
    let numbers = || (3..=INHERITED_FD).rev();
    // SAFETY: plain system calls on numbers; a number that is not open is an error, nothing worse.
    unsafe {
        // All of them out of the way first: one's own number may be another's goal. Copies are made in
        // order and nothing else opens descriptors here, but their numbers are not known beforehand.
        let mut copies = [-1; (INHERITED_FD - 2) as usize];
        for (copy, &descriptor) in copies.iter_mut().zip(descriptors) {
            *copy = libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, INHERITED_FD + 1);
        }
        copies
            .iter()
            .take(descriptors.len())
            .zip(numbers())
            .all(|(&copy, number)| libc::dup2(copy, number) >= 0)
    }
}

/// Takes the daemon's protection from the out-of-memory killer off the child. Not being able to is
/// no reason not to run: without /proc, or where the daemon is less protected than that, nothing
/// has to be taken off.
#[expect(unsafe_code, reason = "only raw system calls are allowed between fork and exec")]
fn become_ordinary_to_the_oom_killer() {
    // SAFETY: plain system calls on constants. The child inherits that it may not be dumped, for
    // which /proc/self belongs to root and cannot be written; the switch is its own, since a fork
    // does not share memory, and goes back at once, for the copy holds the daemon's descriptors.
    unsafe {
        libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0);
        let file = libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
        if file >= 0 {
            libc::write(file, c"0".as_ptr().cast(), 1);
            libc::close(file);
        }
    }
}

/// Reports the step that failed with `errno`, and ends the child.
///
/// # Safety
///
/// Only in a forked child.
#[expect(unsafe_code, reason = "only raw system calls are allowed between fork and exec")]
unsafe fn fail(report: RawFd, step: i32) -> ! {
    // SAFETY: writes from a local buffer of the given length; _exit runs no destructors or handlers.
    unsafe {
        let message = [step, *libc::__errno_location()];
        libc::write(report, message.as_ptr().cast(), REPORT_LENGTH);
        libc::_exit(127)
    }
}
