//! What a planned change makes of a record.

use paddock_planner::Retention;
use paddock_planner::sandbox::{Change, Failure};
use paddock_store::SandboxRecord;
use paddock_store::sandbox::SandboxStatus;
use paddock_types::{DesiredState, Generation, SandboxState, Timestamp};

use crate::app::sandbox::retention;
use crate::runners::mirror::View;

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
            ..same()
        },
        Change::Reached(state) => SandboxStatus {
            state,
            existed: true,
            error_reason: None,
            recoverable: false,
            daemon_version: view.daemon_version.clone().or_else(|| old.daemon_version.clone()),
            runner: view.runner.or(old.runner),
            ..same()
        },
        Change::StoppedByItself => {
            let (desired, state) = match retention(record) {
                Retention::Keep => (DesiredState::Stopped, SandboxState::Stopped),
                Retention::Ephemeral => (DesiredState::Destroyed, SandboxState::Destroying),
            };
            let reason = view.reason.clone().unwrap_or_else(|| "the sandbox ended by itself".to_owned());
            SandboxStatus {
                desired,
                state,
                forced: false,
                generation: next,
                existed: true,
                error_reason: Some(reason),
                runner: view.runner.or(old.runner),
                ..same()
            }
        }
        Change::Fail(failure) => SandboxStatus {
            state: SandboxState::Error,
            error_reason: Some(explain(failure, view)),
            recoverable: false,
            runner: view.runner.or(old.runner),
            ..same()
        },
        Change::Reissue | Change::Renumber => SandboxStatus { generation: next, ..same() },
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
        Failure::Unsupported => "its wished state is not available in this version".to_owned(),
    }
}
