//! Repairs: a snapshot or a sandbox that waits for its image.
//!
//! What waits is asked of the store each time; builds and fetches run beside this loop and are looked at again when they end.
//! The loop alone records their ends, so a crash anywhere leaves what waits waiting, and the next look begins it again.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use paddock_store::sandbox::{BuiltImage, SandboxStatus};
use paddock_store::{Made, SandboxRecord, SnapshotRecord};
use paddock_types::{DesiredState, ImageConfig, OrganizationId, SandboxState, SnapshotId, SnapshotState};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use crate::app::error::chain;
use crate::app::events::Event;
use crate::app::sandbox::commit;
use crate::app::{App, Error, image, snapshot};
use crate::build::{self, Key, MOST_KEPT};
use crate::clock;

/// How often is looked though nobody has said anything.
const PERIOD: Duration = Duration::from_secs(5);
/// The most images that are fetched for snapshots at once.
const MOST_AT_ONCE: usize = 4;
/// How often what nobody uses is looked for.
const SWEEP_PERIOD: Duration = Duration::from_secs(600);
/// After so long without a sandbox made of it, a snapshot becomes inactive (`spec/control-plane.md` G.2: 20160 minutes).
const UNUSED_LIMIT: Duration = Duration::from_secs(20_160 * 60);
/// How long what a build said is kept.
const LOG_LIFE: Duration = Duration::from_secs(14 * 24 * 3600);

/// Fetches under way, by snapshot, and those that have ended and are not on record yet.
#[derive(Default)]
struct Fetches {
    running: Mutex<HashMap<SnapshotId, AbortHandle>>,
    ended: Mutex<Vec<(SnapshotId, Result<Made, Error>)>>,
}

/// Runs for ever.
pub(super) async fn tend(app: App) {
    let fetches = Arc::new(Fetches::default());
    let slots = Arc::new(Semaphore::new(MOST_AT_ONCE));
    let mut is_clear = false;
    let mut swept = None;
    loop {
        if !is_clear {
            is_clear = clear(&app).await;
        }
        if is_clear && let Err(error) = once(&app, &fetches, &slots).await {
            tracing::warn!(?error, "images that are waited for could not be looked at");
        }
        if swept.is_none_or(|at: tokio::time::Instant| at.elapsed() >= SWEEP_PERIOD) {
            sweep(&app).await;
            swept = Some(tokio::time::Instant::now());
        }
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            () = app.images.notified() => {}
        }
    }
}

/// Lets go of what an earlier process was building. Gives back whether that could be done.
async fn clear(app: &App) -> bool {
    let shared = app.clone();
    let cleared = tokio::task::spawn_blocking(move || shared.builds.clear()).await;
    match cleared {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the directory of builds could not be cleared"),
        Err(error) => tracing::warn!(%error, "the directory of builds could not be cleared"),
    }
    match build::clear_workshops(app).await {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(error = chain(&error), "what earlier builds left could not be looked for");
            false
        }
    }
}

async fn once(app: &App, fetches: &Arc<Fetches>, slots: &Arc<Semaphore>) -> Result<(), Error> {
    record_fetches(app, fetches).await?;
    let workshops: HashSet<OrganizationId> = app.store.workshops().await?.into_iter().collect();
    let snapshots = app.store.unready_snapshots().await?;
    let sandboxes = app.store.building_sandboxes().await?;
    let mut wanted = HashSet::new();
    let mut fetched = HashSet::new();
    for record in snapshots {
        let Some(organization) = record.organization.filter(|owner| !workshops.contains(owner)) else {
            continue;
        };
        match &record.build {
            // One that is activated again has been built.
            Some(info) if record.root.layers.is_empty() => {
                wanted.insert(Key { organization, reference: info.reference.clone() });
                for_snapshot(app, organization, record).await?;
            }
            _ => {
                fetched.insert(record.id);
                fetch(app, fetches, slots, organization, record);
            }
        }
    }
    for record in sandboxes {
        if record.status.desired == DesiredState::Destroyed {
            continue;
        }
        if let Some(info) = &record.build {
            wanted.insert(Key { organization: record.organization, reference: info.reference.clone() });
            for_sandbox(app, record).await?;
        }
    }
    app.builds.keep_only(&wanted);
    // What is fetched for a snapshot that is gone is of no use.
    fetches.running.lock().unwrap_or_else(PoisonError::into_inner).retain(|id, task| {
        let is_wanted = fetched.contains(id);
        if !is_wanted {
            task.abort();
        }
        is_wanted
    });
    Ok(())
}

/// A snapshot that waits for a build.
async fn for_snapshot(app: &App, organization: OrganizationId, record: SnapshotRecord) -> Result<(), Error> {
    let Some(info) = &record.build else { return Ok(()) };
    match build::ensure(app, organization, info) {
        None => Ok(()),
        Some(Ok(made)) => finish(app, &record, Ok(made)).await,
        Some(Err(error)) => finish(app, &record, Err((SnapshotState::BuildFailed, error.0))).await,
    }
}

/// A sandbox that waits for a build.
async fn for_sandbox(app: &App, record: SandboxRecord) -> Result<(), Error> {
    let Some(info) = &record.build else { return Ok(()) };
    let now = clock::now();
    let status =
        |state, error_reason| SandboxStatus { state, error_reason, updated_at: now, ..record.status.clone() };
    let changed = match build::ensure(app, record.organization, info) {
        None if record.status.state == SandboxState::PendingBuild => {
            commit::status(app, &record, status(SandboxState::BuildingSnapshot, None)).await?
        }
        None => return Ok(()),
        Some(Ok(made)) => {
            let user = if info.takes_user_of_image { made.default_user } else { record.user.clone() };
            let built = BuiltImage { root: made.root, image: made.image, user };
            commit::image(app, &record, built, status(SandboxState::Creating, None)).await?
        }
        Some(Err(error)) => {
            commit::status(app, &record, status(SandboxState::BuildFailed, Some(error.0))).await?
        }
    };
    if let Some(changed) = changed {
        tracing::info!(
            sandbox.id = %changed.id,
            from = %record.status.state,
            to = %changed.status.state,
            reason = changed.status.error_reason,
            "a sandbox is seen to change"
        );
        app.queue.wake(changed.id);
    }
    Ok(())
}

/// Begins to fetch the image of a snapshot, or the layers of one that is activated again.
fn fetch(
    app: &App,
    fetches: &Arc<Fetches>,
    slots: &Arc<Semaphore>,
    organization: OrganizationId,
    record: SnapshotRecord,
) {
    let mut running = fetches.running.lock().unwrap_or_else(PoisonError::into_inner);
    if running.contains_key(&record.id) {
        return;
    }
    let (shared, fetches, slots, id) = (app.clone(), Arc::clone(fetches), Arc::clone(slots), record.id);
    let task = tokio::spawn(async move {
        let Ok(_slot) = slots.acquire_owned().await else { return };
        let outcome = fetch_one(&shared, organization, record).await;
        fetches.ended.lock().unwrap_or_else(PoisonError::into_inner).push((id, outcome));
        shared.images.notify_one();
    });
    running.insert(id, task.abort_handle());
}

async fn fetch_one(app: &App, organization: OrganizationId, record: SnapshotRecord) -> Result<Made, Error> {
    // What it is made of is in the object store already.
    let is_known = record.state == SnapshotState::Pending && !record.root.layers.is_empty();
    if is_known || record.image_name.is_none() {
        let size_bytes = image::prepare(app, &record.root).await?;
        let SnapshotRecord { root, image, default_user, .. } = record;
        return Ok(Made { root, image, default_user, size_bytes });
    }
    let name = record.image_name.clone().unwrap_or_default();
    let resolved = image::resolve(app, organization, &name).await?;
    // What the snapshot's maker wants to be run, in the place of what the image says: a wish at first, and from the moment
    // when the image is known what is on record.
    let (entrypoint, command) = (record.image.entrypoint, record.image.command);
    let is_decided = record.state == SnapshotState::Pulling || !entrypoint.is_empty();
    image::fetch(app, record.id, &resolved, |config| {
        if is_decided { ImageConfig { entrypoint, command, ..config } } else { config }
    })
    .await
}

/// Records what came of fetches.
async fn record_fetches(app: &App, fetches: &Fetches) -> Result<(), Error> {
    loop {
        let ended = fetches.ended.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some((id, outcome)) = ended else { return Ok(()) };
        let record = app.store.load_any_snapshot(id).await?;
        if let Some(record) = record {
            let outcome = outcome.map_err(|error| (SnapshotState::Error, reason(error)));
            finish(app, &record, outcome).await?;
        }
        fetches.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

fn reason(error: Error) -> String {
    match error {
        Error::NotFound(text)
        | Error::Conflict(text)
        | Error::Invalid(text)
        | Error::Unsupported(text)
        | Error::Forbidden(text)
        | Error::Full(text) => text,
        other => {
            tracing::warn!(error = ?other, "an image could not be fetched");
            "the image could not be fetched: try again".to_owned()
        }
    }
}

/// Ends the making of a snapshot and tells of it.
async fn finish(
    app: &App,
    record: &SnapshotRecord,
    outcome: Result<Made, (SnapshotState, String)>,
) -> Result<(), Error> {
    if let Some(done) = app.store.finish_making(record.id, outcome, clock::now()).await? {
        tracing::info!(snapshot.id = %done.id, state = %done.state, reason = done.error_reason, "a snapshot was made");
        app.events.publish(Event::SnapshotState { snapshot: Arc::new(done), old: record.state });
    }
    Ok(())
}

/// Lets go of what nobody has used for long. What fails is tried again at the next time.
async fn sweep(app: &App) {
    let swept = async {
        let limit = i64::try_from(UNUSED_LIMIT.as_millis()).unwrap_or(i64::MAX);
        let since = paddock_types::Timestamp(clock::now().0.saturating_sub(limit));
        let workshops: HashSet<OrganizationId> = app.store.workshops().await?.into_iter().collect();
        for record in app.store.snapshots_unused_since(since).await? {
            let Some(owner) = record.organization else { continue };
            if workshops.contains(&owner) {
                snapshot::remove(app, owner, &record.id.to_string()).await?;
            } else {
                snapshot::make::change(app, &record, SnapshotState::Inactive).await?;
            }
            app.layers.notify_one();
        }
        for workshop in workshops {
            // One more than fits is one that could not be kept: there is always room for the layers of a build.
            for record in app.store.snapshots_beyond(workshop, MOST_KEPT * 9 / 10).await? {
                snapshot::remove(app, workshop, &record.id.to_string()).await?;
                app.layers.notify_one();
            }
        }
        Ok::<_, Error>(())
    };
    if let Err(error) = swept.await {
        tracing::warn!(?error, "snapshots that nobody uses could not be looked for");
    }
    let logs = Arc::clone(&app.builds.logs);
    let before = SystemTime::now().checked_sub(LOG_LIFE);
    if let Some(before) = before {
        let _ = tokio::task::spawn_blocking(move || logs.sweep(before)).await;
    }
}
