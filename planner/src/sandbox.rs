//! What control does next about one sandbox.
//!
//! ```text
//!               wish sent, accepted                   seen
//! creating ───┬────────────────────▶ (waiting) ──────────────▶ started ◀─▶ forking, snapshotting, resizing
//! starting ───┤   pulling_snapshot ◀── seen waiting            │ ▲
//! restoring ──┤                                                │ │ seen stopped by itself: stopped,
//! resuming ───┘                                                │ │ or destroying when ephemeral
//! pausing ─────────────────────────────────────▶ paused ───────┘ │
//! stopping ────────────────────────────────────▶ stopped ◀───────┘ ◀─▶ forking, snapshotting, resizing
//! archiving ── files are in the object store ──▶ archived ── (files leave the host)
//! destroying ──────────────────────────────────▶ destroyed
//!      │
//!      └── past its deadline, or failure reported ──▶ error; maintenance returns to where it began
//! ```
//!
//! One whose image is being built (`pending_build`, `building_snapshot`) is told to no runner; the build's end makes it
//! `creating`, or `build_failed`.
//!
//! Invariants: every state on the way somewhere has a deadline; nothing leaves `destroyed`; while
//! the host is unknown nothing is concluded from it; an observation counts only if it answers the
//! newest wish; when the wish and what is seen agree, that is so, whatever was recorded before;
//! files leave the host only after the record says that they are in the object store.

use std::time::Duration;

use paddock_types::{DesiredState, Generation, SandboxState, TaskId};

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

/// How long a backup may take (`spec/control-plane.md` D.4).
pub const BACKUP_LIMIT: Duration = Duration::from_secs(2 * 3600);

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
    /// What is shown once maintenance has ended.
    pub returns_to: Option<SandboxState>,
    /// The work on its files that is under way.
    pub task: Option<TaskId>,
    /// Whether its files are still to be made, by a task of its parent. Until then its runner is told nothing.
    pub awaits_parent: bool,
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
    /// The newest task that the runner speaks of, and whether it has ended.
    pub task: Option<(TaskId, TaskSight)>,
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskSight {
    /// Under way.
    Running,
    /// It has ended, well or not.
    Ended,
}

/// The state of a sandbox on its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostState {
    /// Its root file system is still being made.
    WaitingForRoot,
    /// Its files are being made.
    Creating,
    /// Its files are being fetched from the object store.
    Restoring,
    /// Booting.
    Starting,
    /// Running.
    Started,
    /// Running, and its limits are being changed.
    Resizing,
    /// Being frozen.
    Pausing,
    /// Frozen.
    Paused,
    /// Being thawed.
    Resuming,
    /// Being ended.
    Stopping,
    /// Not running.
    Stopped,
    /// Being removed.
    Removing,
    /// Nothing of it is there.
    Absent,
    /// Its files should be there and are not.
    Lost,
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
    /// The task has ended: what came of it is recorded, and the sandbox returns to where it was, or is archived.
    TaskEnded,
    /// The task has not begun, or not ended in time, and is called off.
    TaskFailed,
    /// The runner knows a later wish and has files of a sandbox that the record calls archived: the store is an old copy,
    /// and what is on the host is newer than the archive. Show this, and wish it.
    Found(SandboxState),
    /// It has its new size: show where it was.
    Resized,
    /// It keeps its old size, and is where it was.
    ResizeFailed,
    /// It could not be frozen, and runs on.
    PauseFailed,
    /// Its parent has not made its files in time; whether they are there is the runner's to say.
    ForgetParent,
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
}

/// How long a sandbox may stay in a state; `None` for states to stay in. The reference's limits
/// where it has them (`spec/control-plane.md` D.4), five minutes otherwise.
pub const fn deadline(state: SandboxState) -> Option<Duration> {
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
    if sandbox.awaits_parent && sandbox.state != SandboxState::Destroyed {
        return await_parent(times);
    }
    let is_building = matches!(sandbox.state, SandboxState::PendingBuild | SandboxState::BuildingSnapshot);
    if sandbox.desired != DesiredState::Destroyed {
        if is_building {
            return await_build(sandbox, times);
        }
        // There is nothing that it could be made of.
        if sandbox.state == SandboxState::BuildFailed {
            return Step::Nothing;
        }
    }
    let seen = match observed {
        Observed::Unknown => return wait_blindly(sandbox, times),
        Observed::Seen(seen) => seen,
    };
    if seen.generation.is_some_and(|generation| generation > sandbox.generation) {
        return Step::Record(outdated(sandbox, seen.state));
    }
    let is_answer = seen.generation == Some(sandbox.generation);
    if is_answer
        && let (Some(task), Some((seen, TaskSight::Ended))) = (sandbox.task, seen.task)
        && task == seen
    {
        return Step::Record(Change::TaskEnded);
    }
    // A backup has no state of its own that could last too long.
    let is_backup = sandbox.task.is_some() && sandbox.returns_to.is_none();
    if is_backup
        && !matches!(sandbox.desired, DesiredState::Archived | DesiredState::Destroyed)
        && times.now >= times.since + BACKUP_LIMIT
    {
        return Step::Record(Change::TaskFailed);
    }
    match sandbox.desired {
        DesiredState::Destroyed => plan_destroyed(sandbox, seen, is_answer, times),
        DesiredState::Archived => plan_archived(sandbox, seen, is_answer, times),
        DesiredState::Paused => plan_paused(sandbox, seen, is_answer, times),
        DesiredState::Resized => plan_resized(sandbox, seen, is_answer, times),
        // While its files are worked on, the task's end is what counts.
        _ if matches!(sandbox.state, SandboxState::Forking | SandboxState::Snapshotting) => {
            plan_task(sandbox, seen, is_answer, times)
        }
        DesiredState::Started => plan_started(sandbox, seen, is_answer, times),
        DesiredState::Stopped => plan_stopped(sandbox, seen, is_answer, times),
    }
}

/// The record is older than what the runner was told last.
fn outdated(sandbox: &Sandbox, host: HostState) -> Change {
    let is_archived = sandbox.desired == DesiredState::Archived && sandbox.state == SandboxState::Archived;
    if !is_archived {
        return Change::Renumber;
    }
    match host {
        HostState::Started | HostState::Resizing | HostState::Resuming | HostState::Starting => {
            Change::Found(SandboxState::Started)
        }
        HostState::Paused | HostState::Pausing => Change::Found(SandboxState::Paused),
        HostState::Stopped
        | HostState::Stopping
        | HostState::WaitingForRoot
        | HostState::Creating
        | HostState::Restoring
        | HostState::Failed => Change::Found(SandboxState::Stopped),
        HostState::Absent | HostState::Removing | HostState::Lost => Change::Renumber,
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
        HostState::Lost => Step::Record(Change::Fail(Failure::Lost)),
        HostState::Stopped if seen.has_reason || was_started => Step::Record(Change::StoppedByItself),
        HostState::Absent if was_started => Step::Record(Change::Fail(Failure::Lost)),
        HostState::WaitingForRoot => show(sandbox, SandboxState::PullingSnapshot, times, RESEND),
        HostState::Restoring => show(sandbox, SandboxState::Restoring, times, RESEND),
        HostState::Pausing | HostState::Paused | HostState::Resuming => {
            show(sandbox, SandboxState::Resuming, times, RESEND)
        }
        HostState::Creating | HostState::Starting => {
            let state = if sandbox.existed { SandboxState::Starting } else { SandboxState::Creating };
            show(sandbox, state, times, RESEND)
        }
        // The wish is accepted and not begun, or the sandbox is just ending by itself.
        HostState::Started
        | HostState::Resizing
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
        HostState::Absent | HostState::Removing | HostState::Lost => {
            Step::Record(Change::Fail(Failure::Lost))
        }
        HostState::WaitingForRoot
        | HostState::Creating
        | HostState::Restoring
        | HostState::Starting
        | HostState::Started
        | HostState::Resizing
        | HostState::Pausing
        | HostState::Paused
        | HostState::Resuming
        | HostState::Stopping
        | HostState::Stopped => show(sandbox, SandboxState::Stopping, times, RESEND),
    }
}

fn plan_paused(sandbox: &Sandbox, seen: Seen, is_answer: bool, times: Times) -> Step {
    if is_answer && seen.state == HostState::Paused {
        return reached(sandbox, SandboxState::Paused);
    }
    if sandbox.state == SandboxState::Error {
        return Step::Nothing;
    }
    if !is_answer {
        return ask(sandbox, times, RESEND);
    }
    match seen.state {
        HostState::Failed => Step::Record(Change::PauseFailed),
        // Its memory is gone: the host was restarted, or it was killed.
        HostState::Stopped => Step::Record(Change::StoppedByItself),
        HostState::Absent | HostState::Removing | HostState::Lost => {
            Step::Record(Change::Fail(Failure::Lost))
        }
        HostState::WaitingForRoot
        | HostState::Creating
        | HostState::Restoring
        | HostState::Starting
        | HostState::Started
        | HostState::Resizing
        | HostState::Pausing
        | HostState::Paused
        | HostState::Resuming
        | HostState::Stopping => show(sandbox, SandboxState::Pausing, times, RESEND),
    }
}

fn plan_resized(sandbox: &Sandbox, seen: Seen, is_answer: bool, times: Times) -> Step {
    if !is_answer {
        return ask(sandbox, times, RESEND);
    }
    match seen.state {
        // One that ended meanwhile has its new size at the next start.
        HostState::Started | HostState::Stopped => Step::Record(Change::Resized),
        HostState::Failed | HostState::Absent | HostState::Lost | HostState::Removing => {
            Step::Record(Change::ResizeFailed)
        }
        HostState::WaitingForRoot
        | HostState::Creating
        | HostState::Restoring
        | HostState::Starting
        | HostState::Resizing
        | HostState::Pausing
        | HostState::Paused
        | HostState::Resuming
        | HostState::Stopping => wait(sandbox, times, RESEND),
    }
}

fn plan_task(sandbox: &Sandbox, seen: Seen, is_answer: bool, times: Times) -> Step {
    // Nothing that could end is under way.
    if sandbox.task.is_none() {
        return Step::Record(Change::TaskFailed);
    }
    if !is_answer {
        return ask(sandbox, times, RESEND);
    }
    match seen.state {
        HostState::Failed | HostState::Absent | HostState::Lost | HostState::Removing => {
            Step::Record(Change::TaskFailed)
        }
        HostState::WaitingForRoot
        | HostState::Creating
        | HostState::Restoring
        | HostState::Starting
        | HostState::Started
        | HostState::Resizing
        | HostState::Pausing
        | HostState::Paused
        | HostState::Resuming
        | HostState::Stopping
        | HostState::Stopped => wait(sandbox, times, RESEND),
    }
}

fn plan_archived(sandbox: &Sandbox, seen: Seen, is_answer: bool, times: Times) -> Step {
    if sandbox.state == SandboxState::Archived {
        // From here on the wish is that its files leave the host.
        let is_gone = is_answer && seen.state == HostState::Absent;
        return if is_gone { Step::Nothing } else { ask(sandbox, times, RETRY_STUCK_REMOVAL) };
    }
    if sandbox.state == SandboxState::Error {
        return Step::Nothing;
    }
    if sandbox.task.is_none() {
        return Step::Record(Change::TaskFailed);
    }
    if !is_answer {
        return ask(sandbox, times, RESEND);
    }
    match seen.state {
        HostState::Failed => Step::Record(Change::Fail(Failure::Reported)),
        HostState::Absent | HostState::Removing | HostState::Lost => {
            Step::Record(Change::Fail(Failure::Lost))
        }
        HostState::WaitingForRoot
        | HostState::Creating
        | HostState::Restoring
        | HostState::Starting
        | HostState::Started
        | HostState::Resizing
        | HostState::Pausing
        | HostState::Paused
        | HostState::Resuming
        | HostState::Stopping
        | HostState::Stopped => show(sandbox, SandboxState::Archiving, times, RESEND),
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

/// A child whose files are being made: its parent's task tells when they are.
fn await_parent(times: Times) -> Step {
    // The task has the same time, and may begin a little later.
    let end = times.since + 2 * deadline(SandboxState::Forking).unwrap_or_default();
    if times.now >= end { Step::Record(Change::ForgetParent) } else { Step::WaitUntil(end) }
}

/// One whose image is being built: no runner is told of it. The build ends it, or time does.
fn await_build(sandbox: &Sandbox, times: Times) -> Step {
    let end = times.since + deadline(sandbox.state).unwrap_or_default();
    if times.now >= end {
        return Step::Record(Change::Fail(Failure::Overdue(sandbox.state)));
    }
    Step::WaitUntil(end)
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

/// What becomes of a sandbox that has been on its way for too long. Maintenance is called off; anything else is an
/// error.
fn overdue(sandbox: &Sandbox, times: Times, failure: fn(SandboxState) -> Failure) -> Option<Step> {
    let end = times.since + deadline(sandbox.state)?;
    let change = match sandbox.state {
        SandboxState::Forking | SandboxState::Snapshotting | SandboxState::Archiving => Change::TaskFailed,
        SandboxState::Resizing => Change::ResizeFailed,
        SandboxState::Pausing => Change::PauseFailed,
        state => Change::Fail(failure(state)),
    };
    (times.now >= end).then_some(Step::Record(change))
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
