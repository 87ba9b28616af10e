//! Snapshots of sandboxes: what is above a sandbox's root file system becomes one more layer of a new one.

use paddock_planner::request::Call;
use paddock_store::sandbox::{SandboxStatus, SnapshotOutcome};
use paddock_store::{SandboxRecord, SnapshotRecord};
use paddock_types::{ObjectId, RootRef, SnapshotId, SnapshotName, SnapshotState, TaskKind};
use paddock_wire_control::CreateSandboxSnapshot;

use super::change::{TRIES, first_attempt, follow_up, judge, moved};
use super::commit;
use crate::app::{App, Error};
use crate::auth::extract::not_found;
use crate::clock;

/// The most snapshots of one organization: each takes room on hosts and in the object store that no sandbox's quota counts.
/// The reference's is 30 (`spec/control-plane.md` G.2), and can be raised there.
pub(crate) const MOST_SNAPSHOTS: u64 = 100;

/// Begins to make a snapshot of the files of a sandbox, started or stopped. Does not wait. Gives back the sandbox,
/// which runs on meanwhile if it does.
///
/// # Errors
/// 409 while something else is under way or when the name is taken, 400 in another state, for a name that cannot be
/// one, and for memory.
pub(crate) async fn take(
    app: &App,
    source: SandboxRecord,
    request: CreateSandboxSnapshot,
) -> Result<SandboxRecord, Error> {
    let name = SnapshotName::try_from(request.name).map_err(|error| Error::Invalid(error.to_string()))?;
    if request.include_memory {
        let message = "includeMemory: a snapshot of a sandbox of class container holds its files only";
        return Err(Error::Invalid(message.to_owned()));
    }
    take_named(app, source, name, MOST_SNAPSHOTS).await
}

/// The same under a name that is one, for an organization that may have `most` snapshots.
///
/// # Errors
/// As [`take`].
pub(crate) async fn take_named(
    app: &App,
    mut source: SandboxRecord,
    name: SnapshotName,
    most: u64,
) -> Result<SandboxRecord, Error> {
    if source.root.layers.len() >= RootRef::MOST_LAYERS {
        return Err(too_many_layers());
    }
    for _ in 0..TRIES {
        // A snapshot is never there already: `None` does not come.
        let Some(planned) = judge(Call::Snapshot, &source)? else { return Ok(source) };
        let snapshot = snapshot_of(&source, name.to_string());
        let layer = ObjectId::random();
        let task = first_attempt(TaskKind::Snapshot { snapshot: snapshot.id, layer });
        let status = SandboxStatus { task: Some(task), ..moved(app, &source, Call::Snapshot, planned) };
        match commit::snapshot(app, &source, status, snapshot, layer, most).await? {
            SnapshotOutcome::Done(changed) => {
                follow_up(app, &source, &changed, Call::Snapshot)?;
                return Ok(*changed);
            }
            SnapshotOutcome::NameTaken => {
                return Err(Error::Conflict(format!(
                    "snapshot with name {:?} already exists",
                    name.to_string()
                )));
            }
            SnapshotOutcome::TooMany => {
                let message = format!("an organization can have at most {most} snapshots");
                return Err(Error::Invalid(message));
            }
            SnapshotOutcome::SourceChanged => {}
        }
        let gone = || not_found(&source.id.to_string());
        source = app.store.load_sandbox(source.id).await?.ok_or_else(gone)?;
    }
    Err(Error::Conflict("sandbox is being changed by others: try again".to_owned()))
}

fn too_many_layers() -> Error {
    Error::Invalid(format!(
        "the sandbox's snapshot has {} layers already, and no snapshot can have more",
        RootRef::MOST_LAYERS
    ))
}

fn snapshot_of(source: &SandboxRecord, name: String) -> SnapshotRecord {
    let now = clock::now();
    SnapshotRecord {
        id: SnapshotId::random(),
        organization: Some(source.organization),
        name,
        alias: None,
        // What it is made of is known when its layer is written.
        root: source.root.clone(),
        default_user: source.user.clone(),
        resources: source.status.resources,
        state: SnapshotState::Snapshotting,
        error_reason: None,
        size_bytes: None,
        created_at: now,
        updated_at: now,
        last_used_at: None,
        source: Some(source.id),
        image_name: None,
        image: source.image.clone(),
        build: None,
        deactivated_at: None,
    }
}
