//! What a planned change makes of a record.

use paddock_planner::Retention;
use paddock_planner::sandbox::{Change, Failure, HostState, Observed, Seen};
use paddock_store::SandboxRecord;
use paddock_store::sandbox::{SandboxStatus, TaskRecord};
use paddock_types::{
    BackupState, DesiredState, Generation, SandboxState, StoredObject, TaskId, TaskKind, Timestamp,
};
use paddock_wire_runner::TaskState;

use crate::app::sandbox::retention;
use crate::runners::mirror::View;

/// How often an archive is tried before the sandbox has failed (`spec/control-plane.md` D.7).
const ARCHIVE_ATTEMPTS: u32 = 3;

/// The status after a change. `next` is the wish after the record's, for changes that need one.
pub(super) fn apply(
    record: &SandboxRecord,
    change: Change,
    view: &View,
    next: Generation,
    now: Timestamp,
) -> SandboxStatus {
    let old = &record.status;
    let same = || SandboxStatus { updated_at: now, ..old.clone() };
    match change {
        Change::Show(state) => SandboxStatus { state, runner: view.runner.or(old.runner), ..same() },
        Change::Reached(SandboxState::Destroyed) => SandboxStatus {
            state: SandboxState::Destroyed,
            error_reason: None,
            destroyed_at: Some(now),
            task: None,
            ..same()
        },
        Change::Reached(state) => SandboxStatus {
            state,
            existed: true,
            error_reason: None,
            recoverable: false,
            daemon_version: view.daemon_version.clone().or_else(|| old.daemon_version.clone()),
            runner: view.runner.or(old.runner),
            returns_to: None,
            resized_from: None,
            ..same()
        },
        Change::StoppedByItself => {
            ended_by_itself(record, SandboxStatus { generation: next, ..same() }, view)
        }
        Change::Fail(failure) => fail(same(), failure, view),
        Change::Reissue | Change::Renumber => SandboxStatus { generation: next, ..same() },
        Change::TaskEnded => {
            let status = task_ended(SandboxStatus { generation: next, ..same() }, outcome(view), now);
            still_running(record, status, view)
        }
        Change::TaskFailed => {
            let status = task_ended(SandboxStatus { generation: next, ..same() }, called_off(view), now);
            still_running(record, status, view)
        }
        Change::Resized => SandboxStatus { error_reason: None, ..returned(same()) },
        Change::ResizeFailed => {
            let reason = view.reason.as_deref().unwrap_or("the runner did not do it in time");
            let resources = old.resized_from.unwrap_or(old.resources);
            let error_reason = Some(format!("could not be resized: {reason}"));
            let status = SandboxStatus { generation: next, resources, error_reason, ..returned(same()) };
            still_running(record, status, view)
        }
        Change::PauseFailed => {
            let reason = view.reason.as_deref().unwrap_or("the runner did not do it in time");
            SandboxStatus {
                desired: DesiredState::Started,
                state: SandboxState::Started,
                generation: next,
                error_reason: Some(format!("could not be paused: {reason}")),
                ..same()
            }
        }
        Change::Found(state) => SandboxStatus {
            desired: match state {
                SandboxState::Started => DesiredState::Started,
                SandboxState::Paused => DesiredState::Paused,
                _ => DesiredState::Stopped,
            },
            state,
            existed: true,
            generation: next,
            runner: view.runner.or(old.runner),
            ..same()
        },
        // Whether its files are there is from here on the runner's to say.
        Change::ForgetParent => SandboxStatus { awaits_parent: false, existed: true, ..same() },
    }
}

fn ended_by_itself(record: &SandboxRecord, status: SandboxStatus, view: &View) -> SandboxStatus {
    let (desired, state) = match retention(record) {
        Retention::Keep => (DesiredState::Stopped, SandboxState::Stopped),
        Retention::Ephemeral => (DesiredState::Destroyed, SandboxState::Destroying),
    };
    let reason = view.reason.clone().unwrap_or_else(|| "the sandbox ended by itself".to_owned());
    let runner = view.runner.or(status.runner);
    SandboxStatus {
        desired,
        state,
        forced: false,
        existed: true,
        error_reason: Some(reason),
        runner,
        ..status
    }
}

/// One that ended while its files were worked on, or its size changed, is not started again by the end of that.
fn still_running(record: &SandboxRecord, status: SandboxStatus, view: &View) -> SandboxStatus {
    let has_ended = matches!(view.observed, Observed::Seen(Seen { state: HostState::Stopped, .. }));
    if has_ended && status.desired == DesiredState::Started {
        return ended_by_itself(record, status, view);
    }
    status
}

/// What came of a task.
pub(super) enum Outcome {
    Forked,
    Exported(StoredObject),
    Failed(String),
}

/// What the runner says of the task that has ended.
pub(super) fn outcome(view: &View) -> Outcome {
    match view.task.as_ref().map(|report| report.state.clone()) {
        Some(TaskState::Forked) => Outcome::Forked,
        Some(TaskState::Exported(object)) => Outcome::Exported(object),
        Some(TaskState::Failed { reason }) => Outcome::Failed(reason),
        Some(TaskState::Running) | None => {
            Outcome::Failed("the runner does not know what came of it".to_owned())
        }
    }
}

/// What came of a task that has not begun, or not ended in time.
pub(super) fn called_off(view: &View) -> Outcome {
    Outcome::Failed(view.reason.clone().unwrap_or_else(|| "it took too long".to_owned()))
}

fn task_ended(status: SandboxStatus, outcome: Outcome, now: Timestamp) -> SandboxStatus {
    let Some(task) = status.task else { return returned(status) };
    let status = SandboxStatus { task: None, ..status };
    match (task.kind, outcome) {
        (TaskKind::Archive { .. }, Outcome::Exported(archive)) => SandboxStatus {
            state: SandboxState::Archived,
            existed: false,
            error_reason: None,
            archive: Some(archive),
            backup_state: BackupState::Completed,
            backup_created_at: Some(now),
            runner: None,
            ..status
        },
        (TaskKind::Archive { .. }, Outcome::Failed(_)) if task.attempt < ARCHIVE_ATTEMPTS => {
            let again = TaskRecord { id: TaskId::random(), attempt: task.attempt + 1, ..task };
            SandboxStatus { task: Some(again), ..status }
        }
        (TaskKind::Archive { .. }, Outcome::Failed(reason)) => SandboxStatus {
            state: SandboxState::Error,
            error_reason: Some(format!("could not be archived: {reason}")),
            // Its files are where they were.
            recoverable: true,
            backup_state: BackupState::Error,
            ..status
        },
        (TaskKind::Backup { .. }, Outcome::Exported(archive)) => SandboxStatus {
            archive: Some(archive),
            backup_state: BackupState::Completed,
            backup_created_at: Some(now),
            ..status
        },
        (TaskKind::Backup { .. }, Outcome::Failed(reason)) => SandboxStatus {
            error_reason: Some(format!("could not be backed up: {reason}")),
            backup_state: BackupState::Error,
            ..status
        },
        (TaskKind::Snapshot { .. }, Outcome::Failed(reason)) => {
            let error_reason = Some(format!("no snapshot could be taken of it: {reason}"));
            SandboxStatus { error_reason, ..returned(status) }
        }
        (TaskKind::Archive { .. } | TaskKind::Backup { .. }, Outcome::Forked)
        | (TaskKind::Fork { .. } | TaskKind::Snapshot { .. }, _) => returned(status),
    }
}

/// Where it was before maintenance began.
fn returned(status: SandboxStatus) -> SandboxStatus {
    let state = match (status.returns_to, status.desired) {
        (Some(state), _) => state,
        (None, DesiredState::Stopped | DesiredState::Archived) => SandboxState::Stopped,
        (None, _) => SandboxState::Started,
    };
    let desired = if state == SandboxState::Stopped { DesiredState::Stopped } else { DesiredState::Started };
    SandboxStatus { desired, state, returns_to: None, resized_from: None, ..status }
}

fn fail(status: SandboxStatus, failure: Failure, view: &View) -> SandboxStatus {
    let recoverable = match failure {
        Failure::Reported => view.curable,
        Failure::Overdue(_) | Failure::Unreachable(_) => true,
        Failure::Lost => status.archive.is_some(),
    };
    let status = status.without_task();
    SandboxStatus {
        state: SandboxState::Error,
        error_reason: Some(explain(failure, view)),
        recoverable,
        // What is lost on the host may yet be in the object store.
        existed: status.existed && !(failure == Failure::Lost && status.archive.is_some()),
        runner: view.runner.or(status.runner),
        returns_to: None,
        resized_from: None,
        ..status
    }
}

/// Why a sandbox failed, for its user.
fn explain(failure: Failure, view: &View) -> String {
    match failure {
        Failure::Reported => view.reason.clone().unwrap_or_else(|| "the runner gave no reason".to_owned()),
        Failure::Overdue(state) => match &view.reason {
            Some(reason) => format!("timed out in state {state}: {reason}"),
            None => format!("timed out in state {state}"),
        },
        Failure::Unreachable(state) => format!("timed out in state {state}: the runner could not be reached"),
        Failure::Lost => "its files are not on the runner any more".to_owned(),
    }
}
