//! Volumes: what users do with them. What follows from it is the reconciler's.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use paddock_store::{DeleteVolumeOutcome, InsertVolumeOutcome, SandboxRecord, VolumeRecord};
use paddock_types::{
    MountPath, OrganizationId, SandboxState, Subpath, VolumeId, VolumeMount, VolumeName, VolumeState,
};
use paddock_wire_control::{CreateVolume, SandboxVolume};
use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, sleep};

use super::events::Event;
use super::{App, Error};
use crate::clock;
use crate::failpoints::{self, Moment, Operation};

/// The most volumes of one organization (`spec/control-plane.md` G.2).
const MOST_VOLUMES: u64 = 100;

/// How long a create waits for a volume that is still being made, and how often it looks.
const MAKING_LIMIT: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What the parts that change volumes share.
#[derive(Default)]
pub(crate) struct Volumes {
    /// Held from before a change is committed until it is told: so changes are told in the order of their commits.
    telling: Mutex<()>,
    /// Rung when there is something to do.
    pub(crate) bell: Notify,
}

/// Makes a volume; it can be mounted once it is `ready`. Does not wait for that.
///
/// # Errors
/// 400 when the name is taken or none, and when the organization has as many as it may have.
pub(crate) async fn create(
    app: &App,
    organization: OrganizationId,
    request: CreateVolume,
) -> Result<VolumeRecord, Error> {
    let name = request.name.map(VolumeName::try_from).transpose();
    let name = name.map_err(|error| Error::Invalid(error.to_string()))?;
    let (id, now) = (VolumeId::random(), clock::now());
    let record = VolumeRecord {
        id,
        organization,
        name: name.map_or_else(|| id.to_string(), String::from),
        created_at: now,
        last_used_at: None,
        state: VolumeState::PendingCreate,
        error_reason: None,
        updated_at: now,
        version: 1,
    };
    match insert(app, &record).await? {
        InsertVolumeOutcome::Done => {}
        InsertVolumeOutcome::NameTaken => {
            return Err(Error::Invalid(format!("volume with name {:?} already exists", record.name)));
        }
        InsertVolumeOutcome::TooMany => {
            return Err(Error::Invalid(format!("volume quota exceeded: at most {MOST_VOLUMES} volumes")));
        }
    }
    failpoints::hit(Operation::CreateVolume, Moment::AfterRequest)?;
    tracing::info!(volume.id = %id, organization.id = %organization, "a volume is wished");
    app.volumes.bell.notify_one();
    Ok(record)
}

async fn insert(app: &App, record: &VolumeRecord) -> Result<InsertVolumeOutcome, Error> {
    let (app, record) = (app.clone(), record.clone());
    told(async move {
        let _telling = app.volumes.telling.lock().await;
        let outcome = app.store.insert_volume(record.clone(), MOST_VOLUMES).await?;
        if outcome == InsertVolumeOutcome::Done {
            app.events.publish(Event::VolumeCreated(Arc::new(record)));
        }
        Ok(outcome)
    })
    .await
}

/// Begins to remove a volume with all that it holds; its name is free at once. Does not wait.
///
/// # Errors
/// 404 when there is none, 400 unless it is ready or failed, 409 while a sandbox mounts it.
pub(crate) async fn delete(app: &App, organization: OrganizationId, text: &str) -> Result<(), Error> {
    let id = text.parse::<VolumeId>().map_err(|_| not_found(text))?;
    let shared = app.clone();
    let outcome = told(async move {
        let _telling = shared.volumes.telling.lock().await;
        let outcome = shared.store.delete_volume(organization, id, clock::now()).await?;
        if let DeleteVolumeOutcome::Done(volume, old) = &outcome {
            let volume = Arc::new(volume.clone());
            shared.events.publish(Event::VolumeState { volume, old: *old });
        }
        Ok(outcome)
    })
    .await?;
    match outcome {
        DeleteVolumeOutcome::Done(..) => {}
        DeleteVolumeOutcome::Mounted => {
            return Err(Error::Conflict(
                "the volume is in use: delete the sandboxes that mount it first".to_owned(),
            ));
        }
        DeleteVolumeOutcome::State(state) => {
            return Err(Error::Invalid(format!(
                "volume is {state}: only one that is ready or error can be deleted"
            )));
        }
        DeleteVolumeOutcome::Gone => return Err(not_found(text)),
    }
    failpoints::hit(Operation::DeleteVolume, Moment::AfterRequest)?;
    tracing::info!(volume.id = %id, organization.id = %organization, "the removal of a volume is wished");
    app.volumes.bell.notify_one();
    Ok(())
}

/// Replaces the state of a volume, if it is still as it was when `volume` was read, and tells of it. Gives back the
/// record as it then is.
pub(crate) async fn record(
    app: &App,
    volume: &VolumeRecord,
    state: VolumeState,
    error_reason: Option<String>,
) -> Result<Option<VolumeRecord>, Error> {
    let (app, volume) = (app.clone(), volume.clone());
    told(async move {
        let _telling = app.volumes.telling.lock().await;
        let old = volume.state;
        let changed = app.store.set_volume_state(volume, state, error_reason, clock::now()).await?;
        if let Some(volume) = &changed {
            app.events.publish(Event::VolumeState { volume: Arc::new(volume.clone()), old });
        }
        Ok(changed)
    })
    .await
}

/// One volume by id.
pub(crate) async fn get(app: &App, organization: OrganizationId, text: &str) -> Result<VolumeRecord, Error> {
    let id = text.parse::<VolumeId>().map_err(|_| not_found(text))?;
    app.store.load_volume(organization, id).await?.ok_or_else(|| not_found(text))
}

/// One volume by name, as long as it has not been asked to go.
pub(crate) async fn get_by_name(
    app: &App,
    organization: OrganizationId,
    name: &str,
) -> Result<VolumeRecord, Error> {
    let found = app.store.load_volume_by_name(organization, name.to_owned()).await?;
    found.ok_or_else(|| not_found(name))
}

/// What a sandbox that is asked for mounts.
///
/// # Errors
/// 400 with everything that is wrong about paths, and for a volume that is not ready; 404 for one that is not there.
pub(crate) async fn mounts(
    app: &App,
    organization: OrganizationId,
    requested: &[SandboxVolume],
) -> Result<Vec<VolumeMount>, Error> {
    let mut problems = Vec::new();
    let mut places = Vec::new();
    let mut taken = BTreeSet::new();
    for request in requested {
        let path = MountPath::try_from(request.mount_path.clone());
        let subpath = request.subpath.clone().map(Subpath::try_from).transpose();
        problems.extend(path.as_ref().err().map(ToString::to_string));
        problems.extend(subpath.as_ref().err().map(ToString::to_string));
        let (Ok(path), Ok(subpath)) = (path, subpath) else { continue };
        if !taken.insert(path.clone()) {
            problems.push(format!("mountPath {path} is given twice"));
        }
        places.push((&request.volume_id, path, subpath));
    }
    if !problems.is_empty() {
        return Err(Error::Invalid(problems.join(", ")));
    }
    let mut mounts = Vec::new();
    for (reference, path, subpath) in places {
        let volume = find_made(app, organization, reference).await?;
        if volume.state != VolumeState::Ready {
            return Err(not_ready(&format!("{:?} (it is {})", volume.name, volume.state)));
        }
        mounts.push(VolumeMount { volume: volume.id, path, subpath });
    }
    Ok(mounts)
}

/// A volume by id or name. One that is still being made is waited for a little: SDKs make one and mount it in the next
/// line, as their documentation shows.
async fn find_made(app: &App, organization: OrganizationId, text: &str) -> Result<VolumeRecord, Error> {
    let end = Instant::now() + MAKING_LIMIT;
    loop {
        let found = find(app, organization, text).await?.ok_or_else(|| not_found(text))?;
        let is_made = !matches!(found.state, VolumeState::PendingCreate | VolumeState::Creating);
        if is_made || Instant::now() >= end {
            return Ok(found);
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// A live volume by id or name. One that has been asked to go is there for its id alone, and not ready.
async fn find(app: &App, organization: OrganizationId, text: &str) -> Result<Option<VolumeRecord>, Error> {
    if let Ok(id) = text.parse::<VolumeId>()
        && let Some(found) = app.store.load_volume(organization, id).await?
    {
        return Ok(Some(found));
    }
    Ok(app.store.load_volume_by_name(organization, text.to_owned()).await?)
}

/// A sandbox was seen to start, if it was in another state before: its volumes are used. Does not wait.
pub(crate) fn note_start(app: &App, before: Option<SandboxState>, sandbox: &SandboxRecord) {
    let state = sandbox.status.state;
    if state != SandboxState::Started || before == Some(state) || sandbox.volumes.is_empty() {
        return;
    }
    let ids: Vec<VolumeId> = sandbox.volumes.iter().map(|mount| mount.volume).collect();
    let app = app.clone();
    tokio::spawn(async move {
        let _telling = app.volumes.telling.lock().await;
        match app.store.touch_volumes(ids, clock::now()).await {
            Ok(touched) => {
                touched
                    .into_iter()
                    .for_each(|volume| app.events.publish(Event::VolumeUsed(Arc::new(volume))));
            }
            // It is a note for people; nothing is decided by it.
            Err(error) => {
                tracing::warn!(error = super::error::chain(&error), "the use of volumes could not be noted");
            }
        }
    });
}

/// The error for a volume that is not there for this caller.
pub(crate) fn not_found(reference: &str) -> Error {
    let shown: String = reference.chars().filter(|c| !c.is_control()).take(80).collect();
    Error::NotFound(format!("volume {shown:?} not found"))
}

/// The error for a volume that cannot be mounted yet, or any more.
pub(crate) fn not_ready(shown: &str) -> Error {
    Error::Invalid(format!("volume {shown} is not ready"))
}

/// Runs a change to its end whether or not somebody waits for it, so that none is committed and not told.
async fn told<T: Send + 'static>(
    change: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    tokio::spawn(change).await.unwrap_or_else(|error| Err(Error::Internal(Arc::new(error))))
}
