//! Snapshots: the built-in ones, and how far their root file system is.

use paddock_store::{
    NewSnapshot, Order, SnapshotPage, SnapshotQuery, SnapshotRecord, SnapshotSort, StoreError,
};
use paddock_types::{BuiltinSnapshot, OrganizationId, OsUser, RootRef, SnapshotId, SnapshotState};
use paddock_wire_control::{ListSnapshots, SnapshotSortField};
use paddock_wire_runner::{RootState, RootStatus};

use super::{App, Error};
use crate::clock;

/// As whom a sandbox of a built-in snapshot runs unless its maker says otherwise.
const BUILTIN_USER: &str = "daytona";

/// Adds the built-in snapshots to a store that does not have them.
pub(crate) async fn ensure_builtin(app: &App) -> Result<(), StoreError> {
    let user = OsUser::try_from(BUILTIN_USER.to_owned())
        .map_err(|_| StoreError::Corrupt { column: "default_user" })?;
    let snapshots = BuiltinSnapshot::ALL.into_iter().map(|builtin| NewSnapshot {
        id: SnapshotId::random(),
        name: builtin.name().to_owned(),
        alias: Some(builtin.alias().to_owned()),
        root: RootRef::Builtin,
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

/// One numbered page.
pub(crate) async fn list(
    app: &App,
    organization: OrganizationId,
    request: &ListSnapshots,
) -> Result<SnapshotPage, Error> {
    if request.source_sandbox_id.is_some() {
        // Snapshots of sandboxes do not exist yet, so none has such a source.
        return Ok(SnapshotPage { items: Vec::new(), total: 0 });
    }
    let query = SnapshotQuery {
        organization,
        name_part: request.name.clone().unwrap_or_default(),
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

/// Takes in what a runner says of a root file system.
pub(crate) async fn observe_root(app: &App, status: RootStatus) -> Result<(), StoreError> {
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
    app.store.set_root_state(status.root, state, reason, status.size_bytes, clock::now()).await
}
