//! What the end of a task means for others: the child of a fork, the snapshot of a sandbox.
//!
//! Runs before the end is recorded with the sandbox itself, and may run again.

use paddock_planner::sandbox::Change;
use paddock_store::SandboxRecord;
use paddock_store::sandbox::SandboxStatus;
use paddock_types::{DesiredState, SandboxId, SandboxState, TaskKind};

use super::apply::{Outcome, called_off, outcome};
use crate::app::sandbox::commit;
use crate::app::{App, Error, snapshot};
use crate::clock;
use crate::runners::mirror::View;

/// Tells whoever waits for the task of `parent` what came of it, if `change` says that it has ended.
pub(super) async fn conclude(
    app: &App,
    parent: &SandboxRecord,
    change: Change,
    view: &View,
) -> Result<(), Error> {
    let outcome = match change {
        Change::TaskEnded => outcome(view),
        Change::TaskFailed | Change::Fail(_) => called_off(view),
        // Its task was called off, and whatever came of it before has come.
        Change::Reached(SandboxState::Destroyed) => {
            Outcome::Failed("the sandbox that it comes from was deleted".to_owned())
        }
        _ => return Ok(()),
    };
    match parent.status.task.map(|task| task.kind) {
        Some(TaskKind::Fork { child }) => tell_child(app, child, outcome).await,
        Some(TaskKind::Snapshot { snapshot, .. }) => {
            let outcome = match outcome {
                Outcome::Exported(layer) => Ok(layer),
                Outcome::Failed(reason) => Err(reason),
                Outcome::Forked => Err("the runner made something else".to_owned()),
            };
            Ok(snapshot::finish(app, snapshot, &parent.root, outcome).await?)
        }
        Some(TaskKind::Archive { .. } | TaskKind::Backup { .. }) | None => Ok(()),
    }
}

/// The child has its files, or never gets them.
async fn tell_child(app: &App, child: SandboxId, outcome: Outcome) -> Result<(), Error> {
    loop {
        let Some(record) = app.store.load_sandbox(child).await? else { return Ok(()) };
        if !record.status.awaits_parent {
            return Ok(());
        }
        let old = &record.status;
        let told = SandboxStatus { awaits_parent: false, updated_at: clock::now(), ..old.clone() };
        let status = match &outcome {
            // A child that is being deleted may have files all the same.
            _ if old.desired == DesiredState::Destroyed => SandboxStatus { existed: true, ..told },
            // It may have files all the same, which then go with it.
            Outcome::Failed(reason) => SandboxStatus {
                existed: true,
                state: SandboxState::Error,
                error_reason: Some(format!("could not be forked: {reason}")),
                ..told
            },
            Outcome::Forked | Outcome::Exported(_) => SandboxStatus { existed: true, ..told },
        };
        if commit::status(app, &record, status).await?.is_some() {
            app.queue.wake(child);
            return Ok(());
        }
    }
}
