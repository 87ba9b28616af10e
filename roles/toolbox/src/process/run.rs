//! Runs one command to its end and collects its output.
//!
//! The end is there when the shell has exited **and** its output is closed by its process group:
//!
//! ```text
//!  started ─▶ reading ──(end of file)──▶ shell exited? ──▶ done
//!                │
//!                └─(shell exited, pipe open)─▶ does its group live? ──no──▶ read what is there, done
//!                                                    └─yes─▶ go on reading
//! ```
//!
//! So `sleep 100 &` holds the request, `sleep 100 >log &` does not, and a process that has left the
//! group (a daemon) never does, though it may keep the pipe open for good.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::capture::{Capture, OutputBudget};
use super::language::Scratch;
use crate::http::ApiError;
use crate::spawn::{Child, Command, InvalidCommand, Reaper, SpawnError, StartError};
use crate::toolbox::Shared;

/// How long after the shell's exit its group is looked at again, at first and at most. A member whose
/// parent is the daemon wakes it by its end; this is for one that leaves the group a moment later (as
/// `setsid x &` does), and for members whose parent has itself left.
const FIRST_GROUP_CHECK: Duration = Duration::from_millis(1);
const LAST_GROUP_CHECK: Duration = Duration::from_millis(100);

/// One read's worth, the size of a pipe.
const READ_BYTES: usize = 64 << 10;

/// `exitCode` of a command that could not be started.
pub(super) const NOT_STARTED: i32 = -1;

/// A command that has ended, or could not be started.
#[derive(Debug)]
pub(super) struct Ended {
    /// 0 to 255, or [`NOT_STARTED`].
    pub(super) exit_code: i32,
    /// Standard output and error in the order written.
    pub(super) output: Capture,
    /// Why it could not be started, if so; `output` says the same.
    pub(super) not_started: Option<StartError>,
}

/// The limit of time of a request in seconds: absent, zero and negative mean none.
pub(super) fn time_limit(seconds: Option<f64>) -> Option<Duration> {
    // What no Duration can hold is longer than any command: no limit.
    seconds.filter(|&seconds| seconds > 0.0).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

/// Runs what `command` makes of the write end of a pipe, which is to be its output.
///
/// `scratch` is kept until the command has ended. The command goes on if the caller stops waiting; its output is then dropped. Nothing is left of
/// it in the daemon when it has ended.
///
/// # Errors
///
/// 408 when it was still running after `limit`; its process group has then been killed.
pub(super) async fn run(
    shared: &Shared,
    limit: Option<Duration>,
    scratch: Option<Scratch>,
    command: impl FnOnce(std::os::fd::OwnedFd) -> Result<Command, InvalidCommand>,
) -> Result<Ended, ApiError> {
    let (output, write) = match pipe_with(PipeFlags::CLOEXEC) {
        Ok((read, write)) => (pipe::Receiver::from_owned_fd(read), write),
        Err(error) => {
            return Ok(not_started(&shared.output_budget, &SpawnError::Fork { source: error.into() }));
        }
    };
    let output = output.map_err(|error| ApiError::internal(format!("a pipe for the output: {error}")))?;
    let command = command(write).map_err(|error| ApiError::bad_request(error.to_string()))?;
    let child = match shared.reaper.spawn(command) {
        Ok(child) => child,
        Err(error) => return Ok(not_started(&shared.output_budget, &error)),
    };
    let running = Running {
        child,
        output,
        capture: Capture::new(Arc::clone(&shared.output_budget)),
        reaper: Arc::clone(&shared.reaper),
        deadline: limit.and_then(|limit| Instant::now().checked_add(limit)),
        scratch,
    };
    let (answer, answered) = oneshot::channel();
    tokio::spawn(running.finish(answer));
    match answered.await {
        Ok(Ok(ended)) => Ok(ended),
        Ok(Err(TimedOut)) => {
            let seconds = limit.unwrap_or_default().as_secs_f64();
            Err(ApiError::timeout(format!("command execution timeout: still running after {seconds} s")))
        }
        Err(_) => Err(ApiError::internal("the command's output could not be collected")),
    }
}

fn not_started(budget: &Arc<OutputBudget>, error: &SpawnError) -> Ended {
    let mut output = Capture::new(Arc::clone(budget));
    output.push(error.to_string().as_bytes());
    Ended { exit_code: NOT_STARTED, output, not_started: None }
}

/// The limit of time is over and the group has been killed.
#[derive(Debug)]
struct TimedOut;

struct Running {
    child: Child,
    output: pipe::Receiver,
    capture: Capture,
    reaper: Arc<Reaper>,
    deadline: Option<Instant>,
    /// Only held, for as long as the command runs.
    scratch: Option<Scratch>,
}

impl Running {
    async fn finish(mut self, mut answer: oneshot::Sender<Result<Ended, TimedOut>>) {
        let outcome = self.collect(&mut answer).await;
        drop(self.scratch.take());
        let outcome = outcome.map(|(exit_code, not_started)| {
            self.capture.finish();
            Ended { exit_code, output: self.capture, not_started }
        });
        // The caller may be gone; then the outcome interests nobody.
        let _ = answer.send(outcome);
    }

    async fn collect(
        &mut self,
        answer: &mut oneshot::Sender<Result<Ended, TimedOut>>,
    ) -> Result<(i32, Option<StartError>), TimedOut> {
        let group = self.child.group();
        let deadline = self.deadline;
        tokio::select! {
            started = self.child.started() => if let Err(error) = started {
                self.capture.push(error.to_string().as_bytes());
                return Ok((NOT_STARTED, Some(error)));
            },
            () = until(deadline) => {
                kill(group);
                return Err(TimedOut);
            }
        }

        let mut reaped = self.reaper.watch();
        let mut check_after = FIRST_GROUP_CHECK;
        let mut next_check = Instant::now();
        let mut buffer = Vec::with_capacity(READ_BYTES);
        let mut exit_code = None;
        let mut is_open = true;
        let mut is_wanted = true;
        loop {
            tokio::select! {
                read = self.output.read_buf(&mut buffer), if is_open => {
                    self.capture.push(&buffer);
                    buffer.clear();
                    // A pipe gives no read errors but those that mean its end.
                    is_open = read.is_ok_and(|count| count > 0);
                }
                status = self.child.wait(), if exit_code.is_none() => exit_code = Some(status.code()),
                () = either(reaped.changed(), sleep_until(next_check)), if exit_code.is_some() && is_open => {
                    if test_kill_process_group(group).is_err() {
                        self.read_what_is_there();
                        is_open = false;
                    }
                    next_check = Instant::now() + check_after;
                    check_after = (check_after * 2).min(LAST_GROUP_CHECK);
                }
                () = answer.closed(), if is_wanted => {
                    is_wanted = false;
                    self.capture.abandon();
                }
                () = until(deadline) => {
                    kill(group);
                    return Err(TimedOut);
                }
            }
            if let (Some(exit_code), false) = (exit_code, is_open) {
                return Ok((exit_code, None));
            }
        }
    }

    /// Reads what the pipe holds now and not more, since whoever holds its other end may never stop
    /// writing.
    fn read_what_is_there(&mut self) {
        let mut left = rustix::io::ioctl_fionread(&self.output).unwrap_or(0);
        let mut buffer = vec![0; READ_BYTES];
        while left > 0 {
            // Not by way of the runtime: it does not try before it has heard that there is something, and it may hear of
            // the last words only after this.
            match rustix::io::read(&self.output, &mut buffer) {
                Ok(0) => return,
                Ok(count) => {
                    self.capture.push(&buffer[..count]);
                    left = left.saturating_sub(count as u64);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }
}

/// Waits for one of two.
async fn either<A, B>(first: impl Future<Output = A>, second: impl Future<Output = B>) {
    tokio::select! {
        _ = first => {}
        _ = second => {}
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}

fn kill(group: Pid) {
    // It fails only if the group has ended by itself.
    let _ = kill_process_group(group, Signal::KILL);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_negative_and_endless_limits_are_none() {
        assert_eq!(time_limit(None), None);
        assert_eq!(time_limit(Some(0.0)), None);
        assert_eq!(time_limit(Some(-3.0)), None);
        assert_eq!(time_limit(Some(1e300)), None);
        assert_eq!(time_limit(Some(f64::NAN)), None);
        assert_eq!(time_limit(Some(1.5)), Some(Duration::from_millis(1500)));
    }
}
