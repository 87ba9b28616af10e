//! Work on a sandbox's files that leaves the sandbox where it is: forks and exports.
//!
//! A fork is done at once, the sandbox held for a moment. An export reads from a copy that took such a moment, and goes
//! on beside whatever becomes of the sandbox; it ends with its result, or is called off.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use paddock_driver_storage::Volume;
use paddock_porter::{Cancel, Canceller};
use paddock_types::{CopyId, ObjectId, RootRef, SandboxId, StoredObject, TaskId, TaskKind};
use paddock_wire_runner::{Task, TaskReport, TaskState};
use tokio::task::JoinHandle;

use super::task::FREEZE_LIMIT;
use crate::objects::{self, ObjectName};
use crate::{Context, blocking, chain, roots};

/// The fail points of a fork, in order. Those of the storage lie between the second and the third.
pub const FORK_STEPS: [&str; 4] =
    ["runner.fork.before", "runner.fork.after_freeze", "runner.fork.after_copy", "runner.fork.after_thaw"];

/// The fail points of an export, in order.
pub const EXPORT_STEPS: [&str; 4] = [
    "runner.export.before_copy",
    "runner.export.after_copy",
    "runner.export.after_upload",
    "runner.export.after_removal",
];

/// The fail points of a restoration, in order. Those of the storage lie between them.
pub const RESTORE_STEPS: [&str; 2] = ["runner.restore.before", "runner.restore.after"];

/// The fail points of a resize, a pause and a resumption, in order.
pub const HOLD_STEPS: [&str; 6] = [
    "runner.resize.before",
    "runner.resize.after",
    "runner.pause.before",
    "runner.pause.after",
    "runner.resume.before",
    "runner.resume.after",
];

/// Whose files are worked on.
pub(super) struct Source {
    pub(super) context: Arc<Context>,
    pub(super) id: SandboxId,
    /// Whether it has to be held while its files are copied.
    pub(super) is_running: bool,
    /// What a fork of it may use.
    pub(super) disk_bytes: u64,
    /// What its files lie on.
    pub(super) root: RootRef,
}

/// The work under way, if any.
#[derive(Default)]
pub(super) struct Work {
    current: Option<Current>,
}

struct Current {
    id: TaskId,
    canceller: Option<Canceller>,
    export: Option<JoinHandle<TaskState>>,
}

impl Work {
    /// The task under way.
    pub(super) fn id(&self) -> Option<TaskId> {
        self.current.as_ref().map(|current| current.id)
    }

    /// A task is about to begin.
    pub(super) fn announce(&mut self, id: TaskId) {
        self.current = Some(Current { id, canceller: None, export: None });
    }

    /// Begins a task that was announced. Gives back how it ended if it did.
    pub(super) async fn begin(&mut self, task: Task, source: Source) -> Option<TaskReport> {
        let current = self.current.as_mut().filter(|current| current.id == task.id)?;
        let name = match task.kind {
            TaskKind::Fork { child } => {
                let state = match fork(source, child).await {
                    Ok(()) => TaskState::Forked,
                    Err(reason) => TaskState::Failed { reason },
                };
                self.current = None;
                return Some(TaskReport { id: task.id, state });
            }
            TaskKind::Archive { archive } | TaskKind::Backup { archive } => {
                ObjectName::Archive { sandbox: source.id, id: archive }
            }
            TaskKind::Snapshot { layer, .. } => ObjectName::Layer { id: layer },
        };
        let begun = match paddock_porter::cancel() {
            Ok((canceller, cancel)) => {
                current.canceller = Some(canceller);
                begin_export(source, task.id, name, cancel).await
            }
            Err(error) => Err(error.to_string()),
        };
        let state = match begun {
            Ok(export) => {
                current.export = Some(export);
                return None;
            }
            Err(reason) => TaskState::Failed { reason },
        };
        self.current = None;
        Some(TaskReport { id: task.id, state })
    }

    /// Waits for the end of what is under way; for ever if nothing is. May be cancelled: nothing is lost.
    pub(super) async fn ended(&mut self) -> TaskReport {
        let Some(Current { id, export: Some(export), .. }) = &mut self.current else {
            return std::future::pending().await;
        };
        let id = *id;
        let ended = export.await;
        self.current = None;
        let broken = |_| TaskState::Failed { reason: "the export broke off".to_owned() };
        TaskReport { id, state: ended.unwrap_or_else(broken) }
    }

    /// Ends what is under way, and waits until it has.
    pub(super) async fn call_off(&mut self) {
        if let Some(current) = self.current.take() {
            if let Some(canceller) = current.canceller {
                canceller.cancel();
            }
            if let Some(export) = current.export {
                let _ = export.await;
            }
        }
    }
}

async fn fork(source: Source, child: SandboxId) -> Result<(), String> {
    blocking(move || {
        hit("runner.fork.before")?;
        let Source { context, id, is_running, disk_bytes, .. } = source;
        let storage = Arc::clone(&context.drivers.storage);
        held(&context, id, is_running, || {
            hit("runner.fork.after_freeze")?;
            storage.fork_volume(id, child, disk_bytes).map_err(|error| chain(&error))?;
            hit("runner.fork.after_copy")
        })?;
        // It is promised from here on, also over a power cut.
        storage.flush_volume(child).map_err(|error| chain(&error))?;
        hit("runner.fork.after_thaw")
    })
    .await
}

/// Copies the files of a sandbox, and begins to carry the copy to the object store.
async fn begin_export(
    source: Source,
    task: TaskId,
    name: ObjectName,
    cancel: Cancel,
) -> Result<JoinHandle<TaskState>, String> {
    let copy = CopyId::from_uuid(task.as_uuid());
    let Source { context, id, is_running, root, .. } = source;
    let exporting = match name {
        ObjectName::Layer { id } => Some(context.layers.exporting(id)),
        ObjectName::Archive { .. } => None,
    };
    let working = Arc::clone(&context);
    let copied = blocking(move || {
        hit("runner.export.before_copy")?;
        let storage = Arc::clone(&working.drivers.storage);
        let copied = held(&working, id, is_running, || {
            storage.copy_for_export(id, copy).map_err(|error| chain(&error))
        })?;
        hit("runner.export.after_copy")?;
        Ok::<_, String>(copied)
    })
    .await?;
    Ok(tokio::spawn(async move {
        let working = Arc::clone(&context);
        let exported = blocking(move || {
            let outcome = export(&context, name, &copied, &cancel);
            // One that is left over is removed at the next start.
            if let Err(error) = context.drivers.storage.delete_copy(copy) {
                tracing::warn!(sandbox.id = %id, reason = chain(&error), "a copy is left over");
            }
            hit("runner.export.after_removal")?;
            outcome
        })
        .await;
        drop(exporting);
        match exported {
            // What can be made of it is seen before it is promised, and the first sandbox does not wait for it.
            Ok(object) if matches!(name, ObjectName::Layer { .. }) => {
                match roots::fetch(&working, &root, object.clone()).await {
                    Ok(()) => TaskState::Exported(object),
                    Err(reason) => TaskState::Failed { reason },
                }
            }
            Ok(object) => TaskState::Exported(object),
            Err(reason) => TaskState::Failed { reason },
        }
    }))
}

fn export(
    context: &Context,
    name: ObjectName,
    copied: &Volume,
    cancel: &Cancel,
) -> Result<StoredObject, String> {
    let porter = &context.drivers.porter;
    let root = match name {
        ObjectName::Archive { .. } => copied.root().to_owned(),
        ObjectName::Layer { .. } => copied.upper(),
    };
    let exported = objects::export(porter, name, &root, cancel).map_err(|error| chain(&error))?;
    hit("runner.export.after_upload")?;
    Ok(exported)
}

/// Does something while no process of the sandbox runs, and lets them go on whatever came of it.
fn held<T>(
    context: &Context,
    id: SandboxId,
    is_running: bool,
    act: impl FnOnce() -> Result<T, String>,
) -> Result<T, String> {
    if !is_running {
        return act();
    }
    // Written back before, so that nobody is held for it.
    context.drivers.storage.flush_volume(id).map_err(|error| chain(&error))?;
    let begun = Instant::now();
    let frozen = context.drivers.runtime.freeze(id, FREEZE_LIMIT).map_err(|error| chain(&error));
    let outcome = frozen.and_then(|()| act());
    let thawed = context.drivers.runtime.thaw(id).map_err(|error| chain(&error));
    tracing::info!(sandbox.id = %id, held_us = begun.elapsed().as_micros() as u64, "a sandbox was held for a copy of its files");
    let done = outcome?;
    thawed?;
    Ok(done)
}

/// Makes the volume of an archived sandbox from its archive. Blocks.
pub(super) fn restore(
    context: &Context,
    id: SandboxId,
    archive: &StoredObject,
    limit_bytes: u64,
    cancel: &Cancel,
) -> Result<(), String> {
    hit("runner.restore.before")?;
    let name = ObjectName::Archive { sandbox: id, id: archive.id };
    let mut fill = |root: &Path| {
        objects::import(&context.drivers.porter, name, archive, root, limit_bytes, cancel).map_err(Into::into)
    };
    let storage = &context.drivers.storage;
    storage.restore_volume(id, limit_bytes, &mut fill).map_err(|error| chain(&error))?;
    // Its name too: the archive may go once a newer one is made of it.
    storage.flush_volume(id).map_err(|error| chain(&error))?;
    hit("runner.restore.after")
}

/// Removes archives of a sandbox from the object store. Blocks.
pub(super) fn forget_archives(context: &Context, id: SandboxId, archives: &[ObjectId]) -> Result<(), String> {
    for archive in archives {
        objects::delete(&context.drivers.porter, ObjectName::Archive { sandbox: id, id: *archive })
            .map_err(|error| format!("could not remove its archive: {}", chain(&error)))?;
    }
    Ok(())
}

/// Passes a fail point; its failure in words.
pub(super) fn hit(point: &'static str) -> Result<(), String> {
    paddock_failpoint::hit(point).map_err(|error| error.to_string())
}
