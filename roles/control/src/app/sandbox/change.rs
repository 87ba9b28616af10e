//! Changing a sandbox by request: a new wish, if it is legal now.
//!
//! Timers come the same way as users. One writer wins: whoever finds the record changed looks again.

use paddock_planner::request::{Call, Facts, Move, Verdict, decide};
use paddock_store::SandboxRecord;
use paddock_store::sandbox::{SandboxStatus, TaskRecord};
use paddock_types::{
    BackupState, DesiredState, InvalidResources, ObjectId, ResourceLimits, Resources, SandboxState, TaskId,
    TaskKind,
};
use paddock_wire_control::ResizeSandbox;

use super::hold::Hold;
use super::{commit, retention};
use crate::app::{App, Error};
use crate::auth::extract::not_found;
use crate::auth::secret;
use crate::clock;
use crate::failpoints::{self, Moment, Operation};

/// How often a wish is tried again when the record changes under it. Each time means that somebody
/// else got through, so more tries are only needed when very many ask at once.
pub(super) const TRIES: usize = 8;

/// How a sandbox is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grace {
    /// SIGTERM first.
    Given,
    /// SIGKILL at once.
    None,
}

/// Starts a sandbox and waits as creating does; an archived one is not waited for. One that runs is given back as
/// it is.
///
/// # Errors
/// 409 while something else is under way, 400 in a state that cannot start or when starting failed.
pub(crate) async fn start(app: &App, sandbox: SandboxRecord) -> Result<SandboxRecord, Error> {
    let hold = Hold::begin(app, sandbox.id);
    let record = change(app, sandbox, Call::Start, |status, _| Ok(status)).await?;
    if record.status.state == SandboxState::Restoring { Ok(record) } else { hold.until_started(record).await }
}

/// Begins to stop a sandbox; an ephemeral one is deleted. Does not wait.
///
/// # Errors
/// 409 while something else is under way, 400 in a state that cannot stop, and for an ephemeral one with live forks.
pub(crate) async fn stop(app: &App, sandbox: SandboxRecord, grace: Grace) -> Result<SandboxRecord, Error> {
    let forced = grace == Grace::None;
    change(app, sandbox, Call::Stop, |status, _| Ok(SandboxStatus { forced, ..status })).await
}

/// Begins to freeze a sandbox. Does not wait.
///
/// # Errors
/// 409 while something else is under way, 400 in a state that cannot pause.
pub(crate) async fn pause(app: &App, sandbox: SandboxRecord) -> Result<SandboxRecord, Error> {
    change(app, sandbox, Call::Pause, |status, _| Ok(status)).await
}

/// Begins to move the files of a stopped sandbox to the object store. Does not wait.
///
/// # Errors
/// 409 while something else is under way, 400 unless it is stopped, and for an ephemeral one.
pub(crate) async fn archive(app: &App, sandbox: SandboxRecord) -> Result<SandboxRecord, Error> {
    change(app, sandbox, Call::Archive, |status, _| Ok(with_archive(status))).await
}

/// Begins to copy the files of a sandbox to the object store. Does not wait. While a backup is being made, that one
/// is enough.
///
/// # Errors
/// 409 while something else is under way, 400 unless it is started or stopped, and for an ephemeral one.
pub(crate) async fn back_up(app: &App, sandbox: SandboxRecord) -> Result<SandboxRecord, Error> {
    change(app, sandbox, Call::BackUp, |status, _| {
        let kind = TaskKind::Backup { archive: ObjectId::random() };
        Ok(SandboxStatus { task: Some(first_attempt(kind)), backup_state: BackupState::InProgress, ..status })
    })
    .await
}

/// Tries again what failed, and waits as starting does unless it is to stay stopped.
///
/// # Errors
/// 409 while something else is under way, 400 unless it has failed in a way that can be cured.
pub(crate) async fn recover(
    app: &App,
    sandbox: SandboxRecord,
    skip_start: bool,
) -> Result<SandboxRecord, Error> {
    let hold = Hold::begin(app, sandbox.id);
    let record = change(app, sandbox, Call::Recover { skip_start }, |status, _| {
        let state = match (skip_start, status.existed, &status.archive) {
            (false, false, Some(_)) => SandboxState::Restoring,
            (false, false, None) => SandboxState::Creating,
            _ => status.state,
        };
        Ok(SandboxStatus { state, ..status })
    })
    .await?;
    let waits = !skip_start && record.status.state != SandboxState::Restoring;
    if waits { hold.until_started(record).await } else { Ok(record) }
}

/// Begins to give a sandbox another size: a running one more cores and memory, a stopped one any, and more disk
/// (`spec/control-plane.md` D.6). Does not wait.
///
/// # Errors
/// 409 while something else is under way, 400 in another state and for a size that is not allowed.
pub(crate) async fn resize(
    app: &App,
    sandbox: SandboxRecord,
    request: &ResizeSandbox,
) -> Result<SandboxRecord, Error> {
    change(app, sandbox, Call::Resize, |status, _| {
        let old = status.resources;
        let resources = resized(old, request, status.returns_to == Some(SandboxState::Started))?;
        Ok(SandboxStatus { resources, resized_from: Some(old), ..status })
    })
    .await
}

/// The new size, if it is allowed.
fn resized(old: Resources, request: &ResizeSandbox, is_running: bool) -> Result<Resources, Error> {
    let new = Resources {
        cpu: request.cpu.unwrap_or(old.cpu),
        memory: request.memory.unwrap_or(old.memory),
        disk: request.disk.unwrap_or(old.disk),
    };
    let refuse = |message: &str| Err(Error::Invalid(message.to_owned()));
    if new == old {
        return refuse("nothing to resize: give cpu, memory or disk another value");
    }
    if new.disk < old.disk {
        return refuse("disk can only grow");
    }
    if is_running && new.disk != old.disk {
        return refuse("disk cannot be resized while the sandbox is started: stop it first");
    }
    if is_running && (new.cpu < old.cpu || new.memory < old.memory) {
        return refuse("cpu and memory of a started sandbox can only grow: stop it first");
    }
    new.check(ResourceLimits::DEFAULT)
        .map_err(|error: InvalidResources| Error::Invalid(error.to_string()))?;
    Ok(new)
}

/// Begins to delete a sandbox, whatever is under way; its name is free at once. Does not wait.
///
/// # Errors
/// 404 when it is gone, 400 while forks of it live.
pub(crate) async fn delete(app: &App, sandbox: SandboxRecord) -> Result<SandboxRecord, Error> {
    change(app, sandbox, Call::Delete, |status, _| Ok(status)).await
}

/// Does what a timer asks for, as long as `is_due` says of the newest record that it does.
///
/// # Errors
/// 409 when it is not due any more; otherwise as the call itself.
pub(crate) async fn by_timer(
    app: &App,
    sandbox: SandboxRecord,
    call: Call,
    is_due: impl Fn(&SandboxRecord) -> bool,
) -> Result<SandboxRecord, Error> {
    change(app, sandbox, call, |status, sandbox| {
        if !is_due(sandbox) {
            return Err(Error::Conflict("the timer has been changed, or the sandbox was used".to_owned()));
        }
        Ok(if call == Call::Archive { with_archive(status) } else { status })
    })
    .await
}

fn with_archive(status: SandboxStatus) -> SandboxStatus {
    let kind = TaskKind::Archive { archive: ObjectId::random() };
    SandboxStatus { task: Some(first_attempt(kind)), backup_state: BackupState::Pending, ..status }
}

/// Makes `call` the wish, with what `adjust` makes of the status that it leads to.
async fn change(
    app: &App,
    mut sandbox: SandboxRecord,
    call: Call,
    adjust: impl Fn(SandboxStatus, &SandboxRecord) -> Result<SandboxStatus, Error>,
) -> Result<SandboxRecord, Error> {
    for _ in 0..TRIES {
        let Some(planned) = judge(call, &sandbox)? else { return Ok(sandbox) };
        if planned.desired == DesiredState::Destroyed && app.store.has_live_forks(sandbox.id).await? {
            return Err(Error::Invalid("the sandbox has forks: delete them first".to_owned()));
        }
        let status = adjust(moved(app, &sandbox, call, planned), &sandbox)?;
        if let Some(changed) = commit::status(app, &sandbox, status).await? {
            follow_up(app, &sandbox, &changed, call)?;
            return Ok(changed);
        }
        let gone = || not_found(&sandbox.id.to_string());
        sandbox = app.store.load_sandbox(sandbox.id).await?.ok_or_else(gone)?;
    }
    Err(Error::Conflict("sandbox is being changed by others: try again".to_owned()))
}

/// What follows from a change by request.
pub(super) fn follow_up(
    app: &App,
    before: &SandboxRecord,
    changed: &SandboxRecord,
    call: Call,
) -> Result<(), Error> {
    tracing::info!(
        sandbox.id = %changed.id,
        from = %before.status.state,
        to = %changed.status.state,
        cause = ?call,
        "a sandbox changes by request"
    );
    failpoints::hit(operation(call), Moment::AfterRequest)?;
    app.queue.wake(changed.id);
    Ok(())
}

/// What a call does to a sandbox; `None` if it is as asked for already.
pub(super) fn judge(call: Call, sandbox: &SandboxRecord) -> Result<Option<Move>, Error> {
    let status = &sandbox.status;
    let is_backup = |task: &TaskRecord| matches!(task.kind, TaskKind::Backup { .. });
    let facts = Facts {
        state: status.state,
        desired: status.desired,
        retention: retention(sandbox),
        recoverable: status.recoverable,
        is_backing_up: status.task.as_ref().is_some_and(is_backup),
    };
    let state = status.state;
    match decide(call, facts) {
        Verdict::Accepted(planned) => Ok(Some(planned)),
        Verdict::AsIs => Ok(None),
        Verdict::Busy => {
            Err(Error::Conflict(format!("sandbox is {state}: another operation is in progress")))
        }
        Verdict::Failed if status.recoverable => {
            Err(Error::Invalid(format!("sandbox is in state {state}: it has to be recovered first")))
        }
        Verdict::Failed => {
            Err(Error::Invalid(format!("sandbox is in state {state}: it can only be deleted")))
        }
        Verdict::Incurable => {
            Err(Error::Invalid(format!("sandbox is in state {state} and is not recoverable: delete it")))
        }
        Verdict::Ephemeral => {
            Err(Error::Invalid(format!("sandbox is ephemeral: it cannot be {}", participle(call))))
        }
        Verdict::Illegal if call == Call::Delete => Err(not_found(&sandbox.id.to_string())),
        Verdict::Illegal => {
            Err(Error::Invalid(format!("sandbox is {state}: it cannot be {}", participle(call))))
        }
    }
}

/// The status after a call that is accepted, but for what is the call's own.
pub(super) fn moved(app: &App, sandbox: &SandboxRecord, call: Call, planned: Move) -> SandboxStatus {
    let old = &sandbox.status;
    let Move { desired, state, returns_to } = planned;
    // A backup goes on whatever is done with the sandbox. The child of a fork, or a snapshot, hears of its end when the
    // sandbox is gone.
    let keeps_task = |task: &TaskRecord| match task.kind {
        TaskKind::Backup { .. } => desired != DesiredState::Destroyed,
        TaskKind::Fork { .. } | TaskKind::Snapshot { .. } => desired == DesiredState::Destroyed,
        TaskKind::Archive { .. } => false,
    };
    let kept =
        if old.task.as_ref().is_some_and(keeps_task) { old.clone() } else { old.clone().without_task() };
    // Whoever had the way in before a start has to ask for the new one; a pause is none.
    let is_start = desired == DesiredState::Started
        && matches!(call, Call::Start | Call::Recover { .. })
        && state != SandboxState::Resuming;
    SandboxStatus {
        desired,
        state,
        returns_to,
        // Nothing of it is kept, so nothing has to end in good order.
        forced: call == Call::Delete,
        generation: app.next_generation(old.generation),
        error_reason: None,
        recoverable: false,
        resized_from: None,
        auth_token: if is_start { secret::auth_token() } else { old.auth_token.clone() },
        updated_at: clock::now(),
        ..kept
    }
}

pub(super) fn first_attempt(kind: TaskKind) -> TaskRecord {
    TaskRecord { id: TaskId::random(), kind, attempt: 1 }
}

fn participle(call: Call) -> &'static str {
    match call {
        Call::Start => "started",
        Call::Stop => "stopped",
        Call::Pause => "paused",
        Call::Archive => "archived",
        Call::Resize => "resized",
        Call::Fork => "forked",
        Call::Snapshot => "made into a snapshot",
        Call::BackUp => "backed up",
        Call::Recover { .. } => "recovered",
        Call::Delete => "deleted",
    }
}

fn operation(call: Call) -> Operation {
    match call {
        Call::Start | Call::Recover { .. } => Operation::Start,
        Call::Stop => Operation::Stop,
        Call::Pause => Operation::Pause,
        Call::Archive => Operation::Archive,
        Call::Resize => Operation::Resize,
        Call::Fork => Operation::Fork,
        Call::Snapshot => Operation::Snapshot,
        Call::BackUp => Operation::BackUp,
        Call::Delete => Operation::Delete,
    }
}
