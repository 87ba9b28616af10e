//! What control does next about one sandbox.
//!
//! ```text
//!              wish sent, accepted                 seen
//! creating ──┬────────────────────▶ (waiting) ──────────────▶ started
//! starting ──┤   pulling_snapshot ◀── seen waiting            │ seen stopped by itself
//! stopping ──┤                                                ▼
//! destroying ┘──▶ stopped, destroyed                  stopped, or destroying when ephemeral
//!      │
//!      └── past its deadline, or failure reported ──▶ error
//! ```
//!
//! Invariants: every state on the way somewhere has a deadline; nothing leaves `destroyed`; while
//! the host is unknown nothing is concluded from it; an observation counts only if it answers the
//! newest wish; when the wish and what is seen agree, that is so, whatever was recorded before.

use std::time::Duration;

use paddock_types::{DesiredState, Generation, SandboxState};

use crate::Retention;

/// Time since some fixed moment, by a clock that does not jump.
pub type Moment = Duration;

/// After how long without progress a wish is sent again. Sending is idempotent: this only heals a
/// runner that forgot.
pub const RESEND: Duration = Duration::from_secs(5);
/// After how long a failed removal gets a new wish.
pub const RETRY_REMOVAL: Duration = Duration::from_secs(5);
/// The same, once the removal is known to be stuck.
pub const RETRY_STUCK_REMOVAL: Duration = Duration::from_secs(60);

/// What is on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sandbox {
    /// What it should become.
    pub desired: DesiredState,
    /// Which wish this is.
    pub generation: Generation,
    /// What clients are shown.
    pub state: SandboxState,
    /// Whether it was ever seen running or stopped.
    pub existed: bool,
    /// Whether it outlives its stopping.
    pub retention: Retention,
}

/// What is known of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// The runner is not connected, or has not said everything yet.
    Unknown,
    /// The runner says so.
    Seen(Seen),
}

/// What a runner says of one sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// How it is.
    pub state: HostState,
    /// The newest wish that the runner has accepted for it.
    pub generation: Option<Generation>,
    /// Whether the runner says why.
    pub has_reason: bool,
}

/// The state of a sandbox on its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostState {
    /// Its root file system is still being made.
    WaitingForRoot,
    /// Its files are being made.
    Creating,
    /// Booting.
    Starting,
    /// Running.
    Started,
    /// Being ended.
    Stopping,
    /// Not running.
    Stopped,
    /// Being removed.
    Removing,
    /// Nothing of it is there.
    Absent,
    /// The attempt to fulfil the wish failed.
    Failed,
}

/// The times that matter. All by the same clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Now.
    pub now: Moment,
    /// Since when this wish is in this shown state, as far as this process knows.
    pub since: Moment,
    /// When this wish was last sent.
    pub asked: Option<Moment>,
}

/// The next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// All is as it should be, or nobody can help it.
    Nothing,
    /// Nothing until then, unless something happens before.
    WaitUntil(Moment),
    /// Send the wish.
    Ask,
    /// Change the record.
    Record(Change),
}

/// A change of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is on the way: show this.
    Show(SandboxState),
    /// The wish is fulfilled: show this, forget earlier failures.
    Reached(SandboxState),
    /// It ended without a wish: stopped, and stays so; an ephemeral one is to be destroyed.
    StoppedByItself,
    /// It failed.
    Fail(Failure),
    /// The same wish again, as a newer one.
    Reissue,
    /// The runner knows a later wish than the record does: the store is an old copy. The same wish
    /// again, in a new epoch.
    Renumber,
}

/// Why a sandbox failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The runner said so, and why.
    Reported,
    /// It stayed too long in this state.
    Overdue(SandboxState),
    /// It stayed too long in this state, and its runner cannot be reached.
    Unreachable(SandboxState),
    /// Its files are not on the host any more.
    Lost,
    /// The record wishes something that this version cannot do.
    Unsupported,
}

/// How long a sandbox may stay in a state; `None` for states to stay in. The reference's limits
/// where it has them (`spec/control-plane.md` D.4), five minutes otherwise.
pub fn deadline(state: SandboxState) -> Option<Duration> {
    let minutes = match state {
        SandboxState::PendingBuild | SandboxState::BuildingSnapshot | SandboxState::Snapshotting => 60,
        SandboxState::PullingSnapshot | SandboxState::Restoring => 30,
        SandboxState::Creating | SandboxState::Unknown => 15,
        SandboxState::Archiving => 120,
        SandboxState::Starting
        | SandboxState::Stopping
        | SandboxState::Pausing
        | SandboxState::Resuming
        | SandboxState::Resizing
        | SandboxState::Forking
        | SandboxState::Destroying => 5,
        SandboxState::Started
        | SandboxState::Stopped
        | SandboxState::Paused
        | SandboxState::Archived
        | SandboxState::Error
        | SandboxState::BuildFailed
        | SandboxState::Destroyed => return None,
    };
    Some(Duration::from_secs(minutes * 60))
}

/// The next step for `sandbox`. Pure and total; to be asked again after each step but
/// [`Step::Nothing`], whenever something is observed, and at the time of [`Step::WaitUntil`].
pub fn plan(sandbox: &Sandbox, observed: Observed, times: Times) -> Step {
    let seen = match observed {
        Observed::Unknown => return wait_blindly(sandbox, times),
        Observed::Seen(seen) => seen,
    };
    if seen.generation.is_some_and(|generation| generation > sandbox.generation) {
        return Step::Record(Change::Renumber);
    }
    let is_answer = seen.generation == Some(sandbox.generation);
    match sandbox.desired {
        DesiredState::Started => plan_started(sandbox, seen, is_answer, times),
        DesiredState::Stopped => plan_stopped(sandbox, seen, is_answer, times),
        DesiredState::Destroyed => plan_destroyed(sandbox, seen, is_answer, times),
        DesiredState::Resized | DesiredState::Archived | DesiredState::Paused => match sandbox.state {
            SandboxState::Error => Step::Nothing,
            _ => Step::Record(Change::Fail(Failure::Unsupported)),
        },
    }
}

fn plan_started(sandbox: &Sandbox, seen: Seen, is_answer: bool, times: Times) -> Step {
    if is_answer && seen.state == HostState::Started {
        return reached(sandbox, SandboxState::Started);
    }
    if sandbox.state == SandboxState::Error {
        return Step::Nothing;
    }
    if !is_answer {
        return ask(sandbox, times, RESEND);
    }
    let was_started = sandbox.state == SandboxState::Started;
    match seen.state {
        HostState::Failed => Step::Record(Change::Fail(Failure::Reported)),
        HostState::Stopped if seen.has_reason || was_started => Step::Record(Change::StoppedByItself),
        HostState::Absent if was_started => Step::Record(Change::Fail(Failure::Lost)),
        HostState::WaitingForRoot => show(sandbox, SandboxState::PullingSnapshot, times, RESEND),
        HostState::Creating | HostState::Starting => {
            let state = if sandbox.existed { SandboxState::Starting } else { SandboxState::Creating };
            show(sandbox, state, times, RESEND)
        }
        // The wish is accepted and not begun, or the sandbox is just ending by itself.
        HostState::Started
        | HostState::Stopping
        | HostState::Stopped
        | HostState::Removing
        | HostState::Absent => wait(sandbox, times, RESEND),
    }
}

fn plan_stopped(sandbox: &Sandbox, seen: Seen, is_answer: bool, times: Times) -> Step {
    if is_answer && seen.state == HostState::Stopped {
        return reached(sandbox, SandboxState::Stopped);
    }
    if sandbox.state == SandboxState::Error {
        return Step::Nothing;
    }
    if !is_answer {
        return ask(sandbox, times, RESEND);
    }
    match seen.state {
        HostState::Failed => Step::Record(Change::Fail(Failure::Reported)),
        HostState::Absent | HostState::Removing => Step::Record(Change::Fail(Failure::Lost)),
        HostState::WaitingForRoot
        | HostState::Creating
        | HostState::Starting
        | HostState::Started
        | HostState::Stopping
        | HostState::Stopped => show(sandbox, SandboxState::Stopping, times, RESEND),
    }
}

fn plan_destroyed(sandbox: &Sandbox, seen: Seen, is_answer: bool, times: Times) -> Step {
    if sandbox.state == SandboxState::Destroyed {
        // Something of it came back: a wish from before its deletion was still on the way.
        let is_gone = seen.state == HostState::Absent;
        return if is_gone { Step::Nothing } else { ask(sandbox, times, RETRY_STUCK_REMOVAL) };
    }
    // Only an answer to this wish ends it: a host that never saw the sandbox might yet be told to
    // make it by a wish that is still on the way.
    if is_answer && seen.state == HostState::Absent {
        return reached(sandbox, SandboxState::Destroyed);
    }
    let is_stuck = sandbox.state == SandboxState::Error;
    let pause = if is_stuck { RETRY_STUCK_REMOVAL } else { RETRY_REMOVAL };
    if !is_answer {
        return ask(sandbox, times, pause);
    }
    if seen.state == HostState::Failed {
        if let Some(overdue) = overdue(sandbox, times, Failure::Overdue) {
            return overdue;
        }
        let again = times.asked.unwrap_or(times.since) + pause;
        return if times.now < again { Step::WaitUntil(again) } else { Step::Record(Change::Reissue) };
    }
    if is_stuck { wait(sandbox, times, pause) } else { show(sandbox, SandboxState::Destroying, times, pause) }
}

fn reached(sandbox: &Sandbox, state: SandboxState) -> Step {
    if sandbox.state == state { Step::Nothing } else { Step::Record(Change::Reached(state)) }
}

/// The host is unknown: only time can tell.
fn wait_blindly(sandbox: &Sandbox, times: Times) -> Step {
    if let Some(overdue) = overdue(sandbox, times, Failure::Unreachable) {
        return overdue;
    }
    deadline(sandbox.state).map_or(Step::Nothing, |limit| Step::WaitUntil(times.since + limit))
}

fn overdue(sandbox: &Sandbox, times: Times, failure: fn(SandboxState) -> Failure) -> Option<Step> {
    let end = times.since + deadline(sandbox.state)?;
    (times.now >= end).then(|| Step::Record(Change::Fail(failure(sandbox.state))))
}

fn show(sandbox: &Sandbox, state: SandboxState, times: Times, pause: Duration) -> Step {
    if sandbox.state == state { wait(sandbox, times, pause) } else { Step::Record(Change::Show(state)) }
}

/// Sends the wish, again after each `pause`, until the deadline.
fn ask(sandbox: &Sandbox, times: Times, pause: Duration) -> Step {
    if times.asked.is_none() { Step::Ask } else { wait(sandbox, times, pause) }
}

fn wait(sandbox: &Sandbox, times: Times, pause: Duration) -> Step {
    if let Some(overdue) = overdue(sandbox, times, Failure::Overdue) {
        return overdue;
    }
    let again = times.asked.map_or(times.now, |asked| asked + pause);
    if times.now >= again {
        return Step::Ask;
    }
    let end = deadline(sandbox.state).map(|limit| times.since + limit);
    Step::WaitUntil(end.map_or(again, |end| end.min(again)))
}

#[cfg(test)]
mod tests;
