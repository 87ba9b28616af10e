//! The one place that waits for processes, and the table of those that somebody wants to hear of.

use std::collections::HashMap;
use std::future::pending;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{oneshot, watch};

use super::Command;
use super::fork::{StartError, Starting, fork};
use crate::words::plain;

/// Why no process could be started. The request fails; the daemon goes on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpawnError {
    /// Mostly the sandbox's limit on processes.
    #[error("cannot start a process: {}", plain(source))]
    Fork { source: io::Error },
}

/// Whose end the reaper waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReapScope {
    /// Every child of this process, orphans that were handed to it too. For PID 1, and for a
    /// program that has no other children.
    Everything,
    /// Only children that it started itself. For a program that embeds the toolbox beside other
    /// uses of processes, such as a test.
    OwnChildren,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitStatus {
    /// It exited with this status, 0 to 255.
    Exited(i32),
    /// This signal ended it.
    Signaled(i32),
}

impl ExitStatus {
    /// The status as a shell would tell it: 128 and the signal's number for a signal.
    pub(crate) fn code(self) -> i32 {
        match self {
            Self::Exited(code) => code,
            Self::Signaled(signal) => 128 + signal,
        }
    }

    fn of(status: WaitStatus) -> Self {
        match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Self::Exited(code),
            (None, Some(signal)) => Self::Signaled(signal),
            // Stops and continuations are not asked for.
            (None, None) => Self::Exited(0),
        }
    }
}

/// Starts processes and reaps them. Shared by all who start any.
#[derive(Debug)]
pub(crate) struct Reaper {
    scope: ReapScope,
    /// Children that have not been reaped, by process id.
    children: Mutex<HashMap<Pid, oneshot::Sender<ExitStatus>>>,
    /// Counts up whenever processes have been reaped.
    reaped: watch::Sender<u64>,
    /// What children without input read: it is at its end at once.
    null: OwnedFd,
}

/// A child that has been forked.
#[derive(Debug)]
pub(crate) struct Child {
    group: Pid,
    starting: Option<Starting>,
    exit: oneshot::Receiver<ExitStatus>,
}

impl Child {
    /// Its process group, which has the number of its leader, the child.
    pub(crate) fn group(&self) -> Pid {
        self.group
    }

    /// Waits until the program runs, or could not be run. Asked again it is `Ok` at once.
    pub(crate) async fn started(&mut self) -> Result<(), StartError> {
        match self.starting.take() {
            Some(starting) => starting.outcome().await,
            None => Ok(()),
        }
    }

    /// Waits for its end. Must not be called again after it has returned. May be cancelled.
    pub(crate) async fn wait(&mut self) -> ExitStatus {
        // The sender is dropped only if the process's end cannot be known any more.
        (&mut self.exit).await.unwrap_or(ExitStatus::Signaled(libc::SIGKILL))
    }
}

impl Reaper {
    /// A reaper that has no children yet. It reaps once [`Reaper::run`] is polled.
    pub(crate) fn new(scope: ReapScope) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            scope,
            children: Mutex::default(),
            reaped: watch::Sender::new(0),
            null: open_null()?,
        }))
    }

    /// Forks `command`. Does not wait for its program to run: see [`Child::started`].
    pub(crate) fn spawn(&self, command: Command) -> Result<Child, SpawnError> {
        let mut children = self.lock();
        let (pid, starting) =
            fork(command, self.null.as_fd()).map_err(|source| SpawnError::Fork { source })?;
        let (send, exit) = oneshot::channel();
        children.insert(pid, send);
        drop(children);
        Ok(Child { group: pid, starting: Some(starting), exit })
    }

    /// What children without input read, to be handed to a child.
    pub(crate) fn null(&self) -> io::Result<OwnedFd> {
        self.null.try_clone()
    }

    /// Changes whenever processes have been reaped.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.reaped.subscribe()
    }

    /// Reaps until the end of the daemon.
    pub(crate) async fn run(&self) -> io::Result<()> {
        // The handler is in place before the first look, so no end is missed; signals of several
        // ends may come as one, so each look goes on until nothing is left.
        let mut child_ended = signal(SignalKind::child())?;
        loop {
            self.reap();
            child_ended.recv().await;
        }
    }

    /// Reaps until no child is left. For the end of the daemon, when [`Reaper::run`] has been dropped.
    pub(crate) async fn run_until_childless(&self) {
        // Without the signal there is nothing to wait for, and the caller's deadline ends it.
        let Ok(mut child_ended) = signal(SignalKind::child()) else { return pending().await };
        while self.reap() {
            child_ended.recv().await;
        }
    }

    /// Reaps what has ended by now. Gives back whether this process has any children left.
    pub(crate) fn reap(&self) -> bool {
        let mut children = self.lock();
        let (any, left) = match self.scope {
            ReapScope::Everything => reap_everything(&mut children),
            ReapScope::OwnChildren => reap_own(&mut children),
        };
        drop(children);
        if any {
            self.reaped.send_modify(|count| *count += 1);
        }
        left
    }

    /// Sends `signal` to every process group that was started here and whose leader lives.
    pub(crate) fn signal_groups(&self, signal: Signal) {
        for &group in self.lock().keys() {
            // Gone meanwhile, or of another user: either way nothing is left to do here.
            let _ = rustix::process::kill_process_group(group, signal);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Pid, oneshot::Sender<ExitStatus>>> {
        // A panic while it was held cannot have left the map half changed.
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends `signal` to every process that this one may signal, itself excepted. Only for PID 1 of a
/// namespace of its own: anywhere else it would end a login session or a machine.
#[expect(unsafe_code, reason = "no safe form of kill takes -1")]
pub(crate) fn signal_everything(signal: Signal) {
    if !rustix::process::getpid().is_init() {
        return;
    }
    // SAFETY: a plain system call on numbers. It fails when there is nobody to signal.
    unsafe {
        libc::kill(-1, signal.as_raw());
    }
}

/// Whether any process was reaped, and whether children are left.
type Reaped = (bool, bool);

fn reap_everything(children: &mut HashMap<Pid, oneshot::Sender<ExitStatus>>) -> Reaped {
    let mut any = false;
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => {
                any = true;
                if let Some(waiting) = children.remove(&pid) {
                    // Nobody may be listening any more; the process is reaped all the same.
                    let _ = waiting.send(ExitStatus::of(status));
                }
            }
            Ok(None) => return (any, true),
            Err(Errno::INTR) => {}
            Err(_no_children) => {
                children.clear();
                return (any, false);
            }
        }
    }
}

fn reap_own(children: &mut HashMap<Pid, oneshot::Sender<ExitStatus>>) -> Reaped {
    let ended: Vec<_> = children
        .keys()
        .filter_map(|&pid| match rustix::process::waitpid(Some(pid), WaitOptions::NOHANG) {
            Ok(None) | Err(Errno::INTR) => None,
            Ok(Some((_, status))) => Some((pid, Some(ExitStatus::of(status)))),
            Err(_reaped_by_another) => Some((pid, None)),
        })
        .collect();
    for (pid, status) in &ended {
        if let (Some(waiting), Some(status)) = (children.remove(pid), *status) {
            let _ = waiting.send(status);
        }
    }
    (!ended.is_empty(), !children.is_empty())
}

/// `/dev/null`, held open so that nobody can take it away; where an image has none, the end of an
/// empty pipe. The device comes first because programs tell the two apart: ripgrep searches a pipe
/// instead of the directory.
fn open_null() -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    match rustix::fs::open("/dev/null", flags, Mode::empty()) {
        Ok(null) => Ok(null),
        Err(_) => Ok(pipe_with(PipeFlags::CLOEXEC)?.0),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::path::Path;

    use super::*;
    use crate::environment::Environment;

    fn shell(script: &str) -> Command {
        let (_, output) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let environment = Environment::for_children([]);
        Command::new(OsStr::new("sh"), ["-c", script], &environment, Path::new("/"), output).unwrap()
    }

    fn running() -> Arc<Reaper> {
        let reaper = Reaper::new(ReapScope::OwnChildren).unwrap();
        let reaping = Arc::clone(&reaper);
        tokio::spawn(async move { reaping.run().await });
        reaper
    }

    #[tokio::test]
    async fn every_one_of_a_thousand_children_gives_its_own_status() {
        let reaper = running();
        for round in 0..20 {
            let children: Vec<_> = (0..50)
                .map(|number| (number, reaper.spawn(shell(&format!("exit {}", (number + round) % 256)))))
                .collect();
            for (number, child) in children {
                let status = child.unwrap().wait().await;
                assert_eq!(status, ExitStatus::Exited((number + round) % 256));
            }
        }
    }

    #[tokio::test]
    async fn a_signal_is_told_as_a_shell_tells_it() {
        let mut child = running().spawn(shell("kill -9 $$")).unwrap();
        let status = child.wait().await;
        assert_eq!(status, ExitStatus::Signaled(libc::SIGKILL));
        assert_eq!(status.code(), 137);
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_told_apart_from_a_directory_that_is_not() {
        let reaper = running();
        let environment = Environment::for_children([]);
        let command = |program, directory| {
            let (_, output) = pipe_with(PipeFlags::CLOEXEC).unwrap();
            Command::new(OsStr::new(program), [""; 0], &environment, Path::new(directory), output).unwrap()
        };
        let mut child = reaper.spawn(command("no-such-program", "/")).unwrap();
        let error = child.started().await.unwrap_err();
        assert_eq!(error.to_string(), "no-such-program: command not found");
        assert_eq!(child.wait().await, ExitStatus::Exited(127));

        let mut child = reaper.spawn(command("sh", "/no/such")).unwrap();
        let error = child.started().await.unwrap_err();
        assert_eq!(error.to_string(), "chdir /no/such: no such file or directory");

        let mut child = reaper.spawn(command("/proc/version", "/")).unwrap();
        let error = child.started().await.unwrap_err();
        assert_eq!(error.to_string(), "/proc/version: permission denied");
    }

    #[tokio::test]
    async fn a_child_leads_its_group_and_inherits_no_ignored_signal() {
        let (read, output) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let script = "ps -o pid=,pgid= -p $$ 2>/dev/null || echo $$ $$; grep SigIgn /proc/self/status; grep SigBlk /proc/self/status";
        let environment = Environment::for_children([]);
        let command =
            Command::new(OsStr::new("sh"), ["-c", script], &environment, Path::new("/"), output).unwrap();
        let mut child = running().spawn(command).unwrap();
        assert_eq!(child.wait().await, ExitStatus::Exited(0));
        let mut text = String::new();
        io::Read::read_to_string(&mut std::fs::File::from(read), &mut text).unwrap();
        let lines: Vec<_> = text.lines().collect();
        let group = child.group().as_raw_nonzero().to_string();
        assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), [&group, &group]);
        // Rust programs ignore SIGPIPE; a child must not, or `yes | head` would never end.
        assert_eq!(lines[1].split_whitespace().nth(1), Some("0000000000000000"), "{text}");
        assert_eq!(lines[2].split_whitespace().nth(1), Some("0000000000000000"), "{text}");
    }
}
