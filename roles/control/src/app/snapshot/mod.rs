//! Snapshots: the built-in ones, and how far their root file system is.

pub(crate) mod make;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use paddock_store::{
    NewSnapshot, Order, SnapshotPage, SnapshotQuery, SnapshotRecord, SnapshotSort, StoreError,
};
use paddock_types::{
    BuiltinSnapshot, OrganizationId, OsUser, RootRef, SandboxId, SnapshotId, SnapshotState, StoredObject,
};
use paddock_wire_control::{ListSnapshots, SnapshotSortField};
use paddock_wire_runner::{RootState, RootStatus};

use crate::app::events::Event;
use crate::app::{App, Error};
use crate::clock;

/// As whom a sandbox of a built-in snapshot runs unless its maker says otherwise.
pub(crate) const BUILTIN_USER: &str = "daytona";

/// What the newest root file systems with layers take on disk, as the runner said: it says so before the snapshot is on
/// record as made of one.
#[derive(Debug, Default)]
pub(crate) struct Sizes(Mutex<VecDeque<(RootRef, u64)>>);

/// How many sizes are kept. One is needed for a moment.
const MOST_SIZES: usize = 256;

impl Sizes {
    fn note(&self, root: &RootRef, size_bytes: u64) {
        let mut sizes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sizes.retain(|(known, _)| known != root);
        sizes.push_back((root.clone(), size_bytes));
        if sizes.len() > MOST_SIZES {
            sizes.pop_front();
        }
    }

    fn of(&self, root: &RootRef) -> Option<u64> {
        let sizes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sizes.iter().find(|(known, _)| known == root).map(|(_, size)| *size)
    }
}

/// Adds the built-in snapshots to a store that does not have them.
pub(crate) async fn ensure_builtin(app: &App) -> Result<(), StoreError> {
    let user = OsUser::try_from(BUILTIN_USER.to_owned())
        .map_err(|_| StoreError::Corrupt { column: "default_user" })?;
    let snapshots = BuiltinSnapshot::ALL.into_iter().map(|builtin| NewSnapshot {
        id: SnapshotId::random(),
        name: builtin.name().to_owned(),
        alias: Some(builtin.alias().to_owned()),
        root: RootRef::BUILTIN,
        default_user: user.clone(),
        resources: builtin.resources(),
        state: SnapshotState::Pending,
        created_at: clock::now(),
    });
    app.store.ensure_shared_snapshots(snapshots.collect()).await
}

/// A snapshot by id or name, the organization's own before shared ones.
pub(crate) async fn find(
    app: &App,
    organization: OrganizationId,
    text: &str,
) -> Result<Option<SnapshotRecord>, Error> {
    if let Ok(id) = text.parse::<SnapshotId>()
        && let Some(found) = app.store.load_snapshot(organization, id).await?
    {
        return Ok(Some(found));
    }
    Ok(app.store.load_snapshot_by_name(organization, text.to_owned()).await?)
}

/// The same, if there is one.
///
/// # Errors
/// 404 when there is none.
pub(crate) async fn get(
    app: &App,
    organization: OrganizationId,
    text: &str,
) -> Result<SnapshotRecord, Error> {
    let missing = || Error::NotFound(format!("snapshot {:?} not found", shown(text)));
    find(app, organization, text).await?.ok_or_else(missing)
}

/// What somebody typed, as it may be said back.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

/// One numbered page.
pub(crate) async fn list(
    app: &App,
    organization: OrganizationId,
    request: &ListSnapshots,
) -> Result<SnapshotPage, Error> {
    let source = request.source_sandbox_id.as_deref().map(str::parse::<SandboxId>);
    let Ok(source) = source.transpose() else {
        // No sandbox is called so.
        return Ok(SnapshotPage { items: Vec::new(), total: 0 });
    };
    let query = SnapshotQuery {
        organization,
        name_part: request.name.clone().unwrap_or_default(),
        source,
        sort: match request.sort {
            SnapshotSortField::Name => SnapshotSort::Name,
            SnapshotSortField::State => SnapshotSort::State,
            SnapshotSortField::LastUsedAt => SnapshotSort::LastUsedAt,
            SnapshotSortField::CreatedAt => SnapshotSort::CreatedAt,
        },
        order: if request.descending { Order::Descending } else { Order::Ascending },
        limit: request.limit,
        offset: u64::from(request.page - 1) * u64::from(request.limit),
    };
    Ok(app.store.list_snapshots(query).await?)
}

/// Removes a snapshot of the organization's own, by id or name. What nothing is made of any more leaves the object
/// store later.
///
/// # Errors
/// 404 when there is none, 403 for one of everybody's.
pub(crate) async fn remove(app: &App, organization: OrganizationId, text: &str) -> Result<(), Error> {
    let shown = shown(text);
    let missing = || Error::NotFound(format!("snapshot {shown:?} not found"));
    let found = find(app, organization, text).await?.ok_or_else(missing)?;
    if found.organization.is_none() {
        return Err(Error::Forbidden(format!("snapshot {shown:?} is everybody's: it cannot be removed")));
    }
    let (app, id) = (app.clone(), found.id);
    let removing = tokio::spawn(async move {
        let removed = app.store.remove_snapshot(organization, id).await?;
        if let Some(snapshot) = &removed {
            let (old, state) = (snapshot.state, SnapshotState::Removing);
            let last = Arc::new(SnapshotRecord { state, ..snapshot.clone() });
            app.events.publish(Event::SnapshotState { snapshot: Arc::clone(&last), old });
            app.events.publish(Event::SnapshotRemoved(last));
            app.layers.notify_one();
        }
        Ok::<_, Error>(removed)
    });
    let removed = removing.await.map_err(|error| Error::Internal(Arc::new(error)))??;
    removed.map(drop).ok_or_else(missing)
}

/// The layer of a snapshot that is being taken is written, or will never be.
pub(crate) async fn finish(
    app: &App,
    id: SnapshotId,
    below: &RootRef,
    outcome: Result<StoredObject, String>,
) -> Result<(), StoreError> {
    let outcome = outcome.and_then(|layer| {
        let root = below.with_layer(layer);
        let root = root.ok_or_else(|| "its root file system has too many layers".to_owned())?;
        let size = app.sizes.of(&root);
        Ok((root, size))
    });
    if let Some(snapshot) = app.store.finish_snapshot(id, outcome, clock::now()).await? {
        tracing::info!(snapshot.id = %id, state = %snapshot.state, reason = snapshot.error_reason, "a snapshot was taken");
        let old = SnapshotState::Snapshotting;
        app.events.publish(Event::SnapshotState { snapshot: Arc::new(snapshot), old });
    }
    Ok(())
}

/// Takes in what a runner says of a root file system.
pub(crate) async fn observe_root(app: &App, status: RootStatus) -> Result<(), StoreError> {
    if !status.root.layers.is_empty() {
        if let Some(size_bytes) = status.size_bytes.filter(|_| status.state == RootState::Ready) {
            app.sizes.note(&status.root, size_bytes);
            app.store.set_snapshot_size(status.root, size_bytes).await?;
        }
        return Ok(());
    }
    let (state, reason) = match status.state {
        RootState::Preparing => (SnapshotState::Pulling, None),
        RootState::Ready => (SnapshotState::Active, None),
        RootState::Failed => {
            let reason =
                status.detail.clone().unwrap_or_else(|| "its root file system could not be made".to_owned());
            (SnapshotState::Error, Some(reason))
        }
    };
    tracing::info!(root = %status.root, state = %state, detail = status.detail, "a root file system is reported");
    let changed =
        app.store.set_root_state(status.root, state, reason, status.size_bytes, clock::now()).await?;
    for (old, snapshot) in changed {
        if old != snapshot.state {
            app.events.publish(Event::SnapshotState { snapshot: Arc::new(snapshot), old });
        }
    }
    Ok(())
}
