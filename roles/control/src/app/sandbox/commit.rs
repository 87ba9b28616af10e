//! Committing a change of a sandbox and telling of it, as one: a caller who stops waiting in between
//! does not leave a change of which nobody hears.

use std::sync::Arc;

use paddock_store::sandbox::{
    BuiltImage, ClaimOutcome, ForkOutcome, InsertOutcome, ReadyMember, SandboxStatus, SnapshotOutcome,
};
use paddock_store::{SandboxRecord, SnapshotRecord};
use paddock_types::{ObjectId, WarmPoolId};
use tokio::task::JoinError;

use crate::app::changes::Change;
use crate::app::events::Event;
use crate::app::{App, Error, volume};

/// Adds a sandbox, if its name is free and what it hangs on is there.
///
/// # Errors
/// When the store fails.
pub(crate) async fn insert(app: &App, record: &SandboxRecord) -> Result<InsertOutcome, Error> {
    let (app, record) = (app.clone(), record.clone());
    let committing = tokio::spawn(async move {
        let commit = app.changes.begin(&app.events, record.id, 0);
        let outcome = app.store.insert_sandbox(record.clone()).await?;
        if outcome == InsertOutcome::Done {
            commit.done(Change { before: None, record: Arc::new(record) });
        }
        Ok(outcome)
    });
    committing.await.unwrap_or_else(|error| Err(ended(error)))
}

/// Replaces the status of a sandbox, if it is still as it was when `record` was read. Gives back the record
/// as it then is, `None` if it was not replaced.
///
/// # Errors
/// When the store fails.
pub(crate) async fn status(
    app: &App,
    record: &SandboxRecord,
    status: SandboxStatus,
) -> Result<Option<SandboxRecord>, Error> {
    let (app, id, version) = (app.clone(), record.id, record.version);
    let before = Some((record.status.state, record.status.desired));
    let committing = tokio::spawn(async move {
        let commit = app.changes.begin(&app.events, id, version);
        let replaced = app.store.update_sandbox_status(id, version, status).await?;
        if let Some(record) = &replaced {
            if record.warm_pool.is_some() {
                app.pools.notify_one();
            }
            commit.done(Change { before, record: Arc::new(record.clone()) });
            volume::note_start(&app, before.map(|(state, _)| state), record);
        }
        Ok(replaced)
    });
    committing.await.unwrap_or_else(|error| Err(ended(error)))
}

/// Adds `child` and replaces the status of its parent, if that is still as it was when `parent` was read: both or
/// neither.
///
/// # Errors
/// When the store fails.
pub(crate) async fn fork(
    app: &App,
    parent: &SandboxRecord,
    status: SandboxStatus,
    child: SandboxRecord,
) -> Result<ForkOutcome, Error> {
    let (app, id, version) = (app.clone(), parent.id, parent.version);
    let before = Some((parent.status.state, parent.status.desired));
    let committing = tokio::spawn(async move {
        let of_parent = app.changes.begin(&app.events, id, version);
        let of_child = app.changes.begin(&app.events, child.id, 0);
        let outcome = app.store.fork_sandbox(id, version, status, child.clone()).await?;
        if let ForkOutcome::Done(parent) = &outcome {
            of_parent.done(Change { before, record: Arc::new(SandboxRecord::clone(parent)) });
            of_child.done(Change { before: None, record: Arc::new(child) });
        }
        Ok(outcome)
    });
    committing.await.unwrap_or_else(|error| Err(ended(error)))
}

/// Adds `snapshot` and its layer, and replaces the status of its source, if that is still as it was when `source` was
/// read: all or nothing.
///
/// # Errors
/// When the store fails.
pub(crate) async fn snapshot(
    app: &App,
    source: &SandboxRecord,
    status: SandboxStatus,
    snapshot: SnapshotRecord,
    layer: ObjectId,
    most: u64,
) -> Result<SnapshotOutcome, Error> {
    let (app, id, version) = (app.clone(), source.id, source.version);
    let before = Some((source.status.state, source.status.desired));
    let committing = tokio::spawn(async move {
        let commit = app.changes.begin(&app.events, id, version);
        let outcome = app.store.begin_snapshot(most, id, version, status, snapshot.clone(), layer).await?;
        if let SnapshotOutcome::Done(source) = &outcome {
            commit.done(Change { before, record: Arc::new(SandboxRecord::clone(source)) });
            app.events.publish(Event::SnapshotCreated(Arc::new(snapshot)));
        }
        Ok(outcome)
    });
    committing.await.unwrap_or_else(|error| Err(ended(error)))
}

/// Gives a sandbox the image that was built for it and another status, if it is still as it was when `record` was read.
/// `None`: it was not, or a layer of the image is just being removed.
///
/// # Errors
/// When the store fails.
pub(crate) async fn image(
    app: &App,
    record: &SandboxRecord,
    built: BuiltImage,
    status: SandboxStatus,
) -> Result<Option<SandboxRecord>, Error> {
    let (app, id, version) = (app.clone(), record.id, record.version);
    let before = Some((record.status.state, record.status.desired));
    let committing = tokio::spawn(async move {
        let commit = app.changes.begin(&app.events, id, version);
        let replaced = app.store.set_sandbox_image(id, version, built, status).await?;
        if let Some(record) = &replaced {
            commit.done(Change { before, record: Arc::new(record.clone()) });
        }
        Ok(replaced)
    });
    committing.await.unwrap_or_else(|error| Err(ended(error)))
}

/// Adds a member to a warm pool. `false`: the pool has no room for it, or is gone.
///
/// # Errors
/// When the store fails.
pub(crate) async fn insert_member(app: &App, pool: WarmPoolId, record: SandboxRecord) -> Result<bool, Error> {
    let app = app.clone();
    let committing = tokio::spawn(async move {
        let commit = app.changes.begin(&app.events, record.id, 0);
        let is_new = app.store.insert_pool_member(pool, record.clone()).await?;
        if is_new {
            commit.done(Change { before: None, record: Arc::new(record) });
        }
        Ok(is_new)
    });
    committing.await.unwrap_or_else(|error| Err(ended(error)))
}

/// Gives a member of a warm pool to whoever wished `wished`. To its organization it is a new sandbox.
///
/// # Errors
/// When the store fails.
pub(crate) async fn claim(
    app: &App,
    member: ReadyMember,
    wished: SandboxRecord,
) -> Result<ClaimOutcome, Error> {
    let app = app.clone();
    let committing = tokio::spawn(async move {
        let commit = app.changes.begin(&app.events, member.id, member.version);
        let outcome = app.store.claim_sandbox(member.id, member.version, wished).await?;
        if let ClaimOutcome::Claimed(record) = &outcome {
            commit.done(Change { before: None, record: Arc::new(SandboxRecord::clone(record)) });
            app.pools.notify_one();
        }
        Ok(outcome)
    });
    committing.await.unwrap_or_else(|error| Err(ended(error)))
}

fn ended(error: JoinError) -> Error {
    Error::Internal(Arc::new(error))
}
