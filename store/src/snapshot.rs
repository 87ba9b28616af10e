//! Snapshots: what sandboxes are made from.

use std::collections::BTreeSet;

use paddock_types::{
    BuildInfo, Cores, Gib, ImageConfig, ObjectId, OrganizationId, OsUser, Resources, RootRef, SandboxId,
    SnapshotId, SnapshotState, Timestamp,
};

use crate::engine::Conn;
use crate::sandbox::{json, read_json, read_optional_json};
use crate::value::{Row, Value, unsigned};
use crate::{Order, Store, StoreError, constants, layer};

macro_rules! columns {
    () => {
        "id, organization_id, name, alias, root, default_user, cpu, memory, disk, state, error_reason, \
         size_bytes, created_at, updated_at, last_used_at, source_sandbox_id, image_name, image, build, deactivated_at"
    };
}

constants! {
    ENSURE_SHARED = "INSERT INTO snapshot (id, organization_id, owner, name, name_folded, alias, root, default_user, \
                     cpu, memory, disk, state, created_at, updated_at) \
                     VALUES ($1, NULL, '', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) ON CONFLICT DO NOTHING";
    INSERT = "INSERT INTO snapshot (id, organization_id, owner, name, name_folded, root, default_user, cpu, memory, disk, \
              state, created_at, updated_at, source_sandbox_id, image_name, image, build, size_bytes) \
              VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12, $13, $14, $15, $16) ON CONFLICT DO NOTHING";
    // The organization's own before a shared one, a name before an alias.
    BY_NAME = concat!("SELECT ", columns!(), " FROM snapshot WHERE owner IN ($1, '') AND (name = $2 OR alias = $2) \
               ORDER BY (owner = '') ASC, (name = $2) DESC LIMIT 1");
    BY_ID = concat!("SELECT ", columns!(), " FROM snapshot WHERE owner IN ($1, '') AND id = $2");
    COUNT = "SELECT COUNT(*) FROM snapshot WHERE owner IN ($1, '') AND name_folded LIKE $2 ESCAPE '\\' \
             AND COALESCE(source_sandbox_id, '') LIKE $3";
    // One that was taken from a sandbox is usable as long as its layers are in the object store, wherever they are unpacked.
    SET_ROOT_STATE = "UPDATE snapshot SET state = $2, error_reason = $3, size_bytes = COALESCE($4, size_bytes), updated_at = $5 \
                      WHERE root = $1 AND source_sandbox_id IS NULL AND (state <> $2 OR COALESCE(error_reason, '') <> COALESCE($3, '') \
                      OR COALESCE($4, size_bytes, -1) <> COALESCE(size_bytes, -1))";
    OF_ROOT = concat!("SELECT ", columns!(), " FROM snapshot WHERE root = $1 AND source_sandbox_id IS NULL ORDER BY id");
    SET_SIZE = "UPDATE snapshot SET size_bytes = $2 WHERE root = $1 AND source_sandbox_id IS NOT NULL AND state = 'active'";
    FINISH = concat!("UPDATE snapshot SET state = $2, error_reason = $3, root = $4, updated_at = $5, size_bytes = $6 \
              WHERE id = $1 AND state = 'snapshotting' RETURNING ", columns!());
    ANY = concat!("SELECT ", columns!(), " FROM snapshot WHERE id = $1");
    UNREADY = concat!("SELECT ", columns!(), " FROM snapshot WHERE state IN ('pending', 'pulling', 'building') AND owner <> '' ORDER BY id");
    BEGIN_PULL = concat!("UPDATE snapshot SET state = 'pulling', root = $2, image = $3, default_user = $4, updated_at = $5 \
                  WHERE id = $1 AND state IN ('pending', 'pulling', 'building') RETURNING ", columns!());
    FINISH_MAKING = concat!("UPDATE snapshot SET state = $2, error_reason = $3, root = $4, image = $5, default_user = $6, \
                     size_bytes = $7, updated_at = $8, last_used_at = $8 \
                     WHERE id = $1 AND state IN ('pending', 'pulling', 'building') RETURNING ", columns!());
    // From one state to another, and only so.
    MOVE = concat!("UPDATE snapshot SET state = $3, error_reason = NULL, updated_at = $4, \
            deactivated_at = CASE WHEN $3 = 'inactive' THEN $4 ELSE deactivated_at END \
            WHERE id = $1 AND state = $2 RETURNING ", columns!());
    UNUSED_SINCE = concat!("SELECT ", columns!(), " FROM snapshot WHERE owner <> '' AND state = 'active' \
                    AND COALESCE(last_used_at, created_at) < $1 ORDER BY id LIMIT 100");
    // The oldest of an organization's beyond the newest so many.
    BEYOND = concat!("SELECT ", columns!(), " FROM snapshot WHERE owner = $1 AND state = 'active' \
              ORDER BY COALESCE(last_used_at, created_at) DESC, id DESC LIMIT 100 OFFSET $2");
    INACTIVE_ROOTS = "SELECT DISTINCT root FROM snapshot WHERE state = 'inactive'";
    READY_ROOTS = "SELECT DISTINCT root FROM snapshot WHERE state <> 'inactive'";
    REMOVE = concat!("DELETE FROM snapshot WHERE owner = $1 AND id = $2 RETURNING ", columns!());
    ROOTS = "SELECT DISTINCT root FROM snapshot";
    HOLD_ORGANIZATION = "UPDATE organization SET updated_at = updated_at WHERE id = $1";
    COUNT_OWN = "SELECT COUNT(*) FROM snapshot WHERE owner = $1";
    TOUCH = "UPDATE snapshot SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";
}

/// One snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRecord {
    /// Which.
    pub id: SnapshotId,
    /// Whose; `None` is everybody's.
    pub organization: Option<OrganizationId>,
    /// Unique among its owner's.
    pub name: String,
    /// Another name that finds it.
    pub alias: Option<String>,
    /// What a runner makes of it.
    pub root: RootRef,
    /// As whom a sandbox runs when its maker names nobody.
    pub default_user: OsUser,
    /// The size of sandboxes made from it.
    pub resources: Resources,
    /// Whether it can be used.
    pub state: SnapshotState,
    /// Why not.
    pub error_reason: Option<String>,
    /// Its size on a runner's disk, once known.
    pub size_bytes: Option<u64>,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When a sandbox was last made from it.
    pub last_used_at: Option<Timestamp>,
    /// The sandbox that it was taken from.
    pub source: Option<SandboxId>,
    /// The image that it is made from, as its maker named it.
    pub image_name: Option<String>,
    /// What its image says.
    pub image: ImageConfig,
    /// What it is built from.
    pub build: Option<BuildInfo>,
    /// Since when it is inactive, or when it last was.
    pub deactivated_at: Option<Timestamp>,
}

/// What became of an insertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsertSnapshotOutcome {
    /// It is on record.
    Done,
    /// Its organization has a snapshot of that name; nothing was written.
    NameTaken,
    /// Its organization has as many as it may; nothing was written.
    TooMany,
    /// A layer of its root file system is being removed; nothing was written.
    RootGone,
}

/// What a snapshot is made of, once that is known.
#[derive(Debug, Clone)]
pub struct Made {
    /// Its root file system.
    pub root: RootRef,
    /// What its image says.
    pub image: ImageConfig,
    /// As whom a sandbox runs when its maker names nobody.
    pub default_user: OsUser,
    /// What it takes on a host's disk, if known.
    pub size_bytes: Option<u64>,
}

/// A snapshot of everybody's that is to be there.
#[derive(Debug, Clone)]
pub struct NewSnapshot {
    /// Its id if it is not there yet.
    pub id: SnapshotId,
    /// Its name.
    pub name: String,
    /// Another name that finds it.
    pub alias: Option<String>,
    /// What a runner makes of it.
    pub root: RootRef,
    /// As whom a sandbox runs when its maker names nobody.
    pub default_user: OsUser,
    /// The size of sandboxes made from it.
    pub resources: Resources,
    /// Its first state.
    pub state: SnapshotState,
    /// Since when.
    pub created_at: Timestamp,
}

/// By what a list of snapshots is ordered; ties by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotSort {
    /// By name, byte by byte.
    Name,
    /// By state.
    State,
    /// By last use; never used last.
    LastUsedAt,
    /// By age.
    CreatedAt,
}

/// Which page of which snapshots.
#[derive(Debug, Clone)]
pub struct SnapshotQuery {
    /// Whose; everybody's are always among them.
    pub organization: OrganizationId,
    /// Part of the name, in any case. Empty: all.
    pub name_part: String,
    /// Only those that were taken from this sandbox.
    pub source: Option<SandboxId>,
    /// By what.
    pub sort: SnapshotSort,
    /// Which way.
    pub order: Order,
    /// The most rows.
    pub limit: u32,
    /// How many rows to leave out before.
    pub offset: u64,
}

/// One page, and how many there are on all of them.
#[derive(Debug, Clone)]
pub struct SnapshotPage {
    /// In the order asked for.
    pub items: Vec<SnapshotRecord>,
    /// How many match.
    pub total: u64,
}

impl SnapshotRecord {
    fn read(mut row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parse("id")?,
            organization: row.optional_parse("organization_id")?,
            name: row.text("name")?,
            alias: row.optional_text("alias")?,
            root: row.parse("root")?,
            default_user: OsUser::try_from(row.text("default_user")?)
                .map_err(|_| StoreError::Corrupt { column: "default_user" })?,
            resources: Resources {
                cpu: Cores(row.number("cpu")?),
                memory: Gib(row.number("memory")?),
                disk: Gib(row.number("disk")?),
            },
            state: row.parse("state")?,
            error_reason: row.optional_text("error_reason")?,
            size_bytes: row
                .optional_int("size_bytes")?
                .map(u64::try_from)
                .transpose()
                .map_err(|_| StoreError::Corrupt { column: "size_bytes" })?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            last_used_at: row.optional_time("last_used_at")?,
            source: row.optional_parse("source_sandbox_id")?,
            image_name: row.optional_text("image_name")?,
            image: read_json(&mut row, "image")?,
            build: read_optional_json(&mut row, "build")?,
            deactivated_at: row.optional_time("deactivated_at")?,
        })
    }
}

impl Store {
    /// Adds the shared snapshots that are not there yet; leaves the others as they are.
    pub async fn ensure_shared_snapshots(&self, snapshots: Vec<NewSnapshot>) -> Result<(), StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                for snapshot in &snapshots {
                    ensure(conn, snapshot).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// One snapshot that the organization may use, by id.
    pub async fn load_snapshot(
        &self,
        organization: OrganizationId,
        id: SnapshotId,
    ) -> Result<Option<SnapshotRecord>, StoreError> {
        self.read_point(move |conn| {
            Box::pin(async move {
                let values = [Value::spelled(organization), Value::spelled(id)];
                conn.query_optional(BY_ID, &values).await?.map(SnapshotRecord::read).transpose()
            })
        })
        .await
    }

    /// One snapshot that the organization may use, by name or alias; its own before shared ones.
    pub async fn load_snapshot_by_name(
        &self,
        organization: OrganizationId,
        name: String,
    ) -> Result<Option<SnapshotRecord>, StoreError> {
        self.read_point(move |conn| {
            Box::pin(async move {
                let values = [Value::spelled(organization), name.into()];
                conn.query_optional(BY_NAME, &values).await?.map(SnapshotRecord::read).transpose()
            })
        })
        .await
    }

    /// One page of the snapshots that an organization may use.
    pub async fn list_snapshots(&self, query: SnapshotQuery) -> Result<SnapshotPage, StoreError> {
        self.read_scan(move |conn| Box::pin(async move { list(conn, &query).await })).await
    }

    /// Notes how far a root file system is on all snapshots that use it. Gives back those that changed, each
    /// with the state that it had before.
    pub async fn set_root_state(
        &self,
        root: RootRef,
        state: SnapshotState,
        error_reason: Option<String>,
        size_bytes: Option<u64>,
        now: Timestamp,
    ) -> Result<Vec<(SnapshotState, SnapshotRecord)>, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let before = of_root(conn, &root).await?;
                let values = [
                    Value::spelled(&root),
                    Value::spelled(state),
                    error_reason.into(),
                    size_bytes.map_or(Value::Null, unsigned),
                    now.into(),
                ];
                if conn.execute(SET_ROOT_STATE, &values).await? == 0 {
                    return Ok(Vec::new());
                }
                let after = of_root(conn, &root).await?;
                let pairs = before.into_iter().filter_map(|old| {
                    let new = after.iter().find(|new| new.id == old.id && **new != old)?;
                    Some((old.state, new.clone()))
                });
                Ok(pairs.collect())
            })
        })
        .await
    }
}

impl Store {
    /// Notes what a root file system with layers takes on disk, on the snapshots that are made of it.
    pub async fn set_snapshot_size(&self, root: RootRef, size_bytes: u64) -> Result<(), StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                conn.execute(SET_SIZE, &[Value::spelled(&root), unsigned(size_bytes)]).await.map(drop)
            })
        })
        .await
    }

    /// Ends the taking of a snapshot: it is made of `outcome` and takes so many bytes, or failed for a reason. `None` if it is not being taken.
    pub async fn finish_snapshot(
        &self,
        id: SnapshotId,
        outcome: Result<(RootRef, Option<u64>), String>,
        now: Timestamp,
    ) -> Result<Option<SnapshotRecord>, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let outcome = match outcome {
                    Ok((root, _)) if !layer::hold(conn, &root).await? => {
                        Err("its layer has been removed".to_owned())
                    }
                    outcome => outcome,
                };
                let (state, reason, root, size) = match outcome {
                    Ok((root, size)) => (SnapshotState::Active, None, root, size),
                    Err(reason) => (SnapshotState::Error, Some(reason), RootRef::BUILTIN, None),
                };
                let values = [
                    Value::spelled(id),
                    Value::spelled(state),
                    reason.into(),
                    Value::spelled(&root),
                    now.into(),
                    size.map_or(Value::Null, unsigned),
                ];
                conn.query_optional(FINISH, &values).await?.map(SnapshotRecord::read).transpose()
            })
        })
        .await
    }

    /// Forgets a snapshot of the organization's own. Gives back what it was, `None` if there is none.
    pub async fn remove_snapshot(
        &self,
        organization: OrganizationId,
        id: SnapshotId,
    ) -> Result<Option<SnapshotRecord>, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let values = [Value::spelled(organization), Value::spelled(id)];
                conn.query_optional(REMOVE, &values).await?.map(SnapshotRecord::read).transpose()
            })
        })
        .await
    }
}

impl Store {
    /// Adds a snapshot of an organization's, if its name is free, it has fewer than `most`, and no layer of its root file
    /// system is being removed.
    pub async fn insert_snapshot(
        &self,
        most: u64,
        snapshot: SnapshotRecord,
    ) -> Result<InsertSnapshotOutcome, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                if count_own(conn, &snapshot).await? >= most {
                    return Ok(InsertSnapshotOutcome::TooMany);
                }
                if !layer::hold(conn, &snapshot.root).await? {
                    return Ok(InsertSnapshotOutcome::RootGone);
                }
                let is_new = insert(conn, &snapshot).await?;
                Ok(if is_new { InsertSnapshotOutcome::Done } else { InsertSnapshotOutcome::NameTaken })
            })
        })
        .await
    }

    /// One snapshot, whosever it is. For work that nobody asked for by name.
    pub async fn load_any_snapshot(&self, id: SnapshotId) -> Result<Option<SnapshotRecord>, StoreError> {
        self.read_point(move |conn| {
            Box::pin(async move {
                conn.query_optional(ANY, &[Value::spelled(id)]).await?.map(SnapshotRecord::read).transpose()
            })
        })
        .await
    }

    /// Every snapshot of an organization's that is still to be made.
    pub async fn unready_snapshots(&self) -> Result<Vec<SnapshotRecord>, StoreError> {
        self.read_scan(|conn| Box::pin(async move { read_all(conn.query(UNREADY, &[]).await?) })).await
    }

    /// Notes what a snapshot is going to be made of, before its layers are fetched: from here on they are not removed.
    /// `None`: it is not being made any more, or one of its layers is just being removed.
    pub async fn begin_pull(
        &self,
        id: SnapshotId,
        made: Made,
        now: Timestamp,
    ) -> Result<Option<SnapshotRecord>, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                for layer in &made.root.layers {
                    layer::ensure(conn, layer.id, now).await?;
                }
                if !layer::hold(conn, &made.root).await? {
                    return Ok(None);
                }
                let values = [
                    Value::spelled(id),
                    Value::spelled(&made.root),
                    json(Some(&made.image))?,
                    Value::spelled(&made.default_user),
                    now.into(),
                ];
                conn.query_optional(BEGIN_PULL, &values).await?.map(SnapshotRecord::read).transpose()
            })
        })
        .await
    }

    /// Ends the making of a snapshot: it is active, or failed for a reason, in the state that says so. `None` if it is not being made.
    pub async fn finish_making(
        &self,
        id: SnapshotId,
        outcome: Result<Made, (SnapshotState, String)>,
        now: Timestamp,
    ) -> Result<Option<SnapshotRecord>, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let gone = || Err((SnapshotState::Error, "one of its layers has been removed".to_owned()));
                let outcome = match outcome {
                    Ok(made) if !layer::hold(conn, &made.root).await? => gone(),
                    outcome => outcome,
                };
                let (state, reason, made) = match outcome {
                    Ok(made) => (SnapshotState::Active, None, made),
                    Err((state, reason)) => (state, Some(reason), Made::nothing()),
                };
                let values = [
                    Value::spelled(id),
                    Value::spelled(state),
                    reason.into(),
                    Value::spelled(&made.root),
                    json(Some(&made.image))?,
                    Value::spelled(&made.default_user),
                    made.size_bytes.map_or(Value::Null, unsigned),
                    now.into(),
                ];
                conn.query_optional(FINISH_MAKING, &values).await?.map(SnapshotRecord::read).transpose()
            })
        })
        .await
    }

    /// Moves a snapshot from one state to another. `None` if it is not in the first.
    pub async fn move_snapshot(
        &self,
        id: SnapshotId,
        from: SnapshotState,
        to: SnapshotState,
        now: Timestamp,
    ) -> Result<Option<SnapshotRecord>, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let values = [Value::spelled(id), Value::spelled(from), Value::spelled(to), now.into()];
                conn.query_optional(MOVE, &values).await?.map(SnapshotRecord::read).transpose()
            })
        })
        .await
    }

    /// Active snapshots of organizations' of which nothing was made since `since`; at most 100.
    pub async fn snapshots_unused_since(&self, since: Timestamp) -> Result<Vec<SnapshotRecord>, StoreError> {
        self.read_scan(move |conn| {
            Box::pin(async move { read_all(conn.query(UNUSED_SINCE, &[since.into()]).await?) })
        })
        .await
    }

    /// Active snapshots of an organization beyond the `kept` that were used last; at most 100.
    pub async fn snapshots_beyond(
        &self,
        organization: OrganizationId,
        kept: u64,
    ) -> Result<Vec<SnapshotRecord>, StoreError> {
        self.read_scan(move |conn| {
            Box::pin(async move {
                let values = [Value::spelled(organization), unsigned(kept)];
                read_all(conn.query(BEYOND, &values).await?)
            })
        })
        .await
    }

    /// The layers that only inactive snapshots are made of: no host needs them now.
    pub async fn layers_of_inactive(&self) -> Result<Vec<ObjectId>, StoreError> {
        self.read_scan(|conn| {
            Box::pin(async move {
                let mut idle = layer_ids(conn.query(INACTIVE_ROOTS, &[]).await?)?;
                if idle.is_empty() {
                    return Ok(Vec::new());
                }
                let used = layer_ids(conn.query(READY_ROOTS, &[]).await?)?;
                idle.retain(|id| !used.contains(id));
                let roots = crate::sandbox::roots_in_use(conn).await?;
                for layer in roots.into_iter().flat_map(|root| root.layers) {
                    idle.remove(&layer.id);
                }
                Ok(idle.into_iter().collect())
            })
        })
        .await
    }
}

impl Made {
    fn nothing() -> Self {
        Self {
            root: RootRef::EMPTY,
            image: ImageConfig::default(),
            default_user: OsUser::root(),
            size_bytes: None,
        }
    }
}

fn read_all(rows: Vec<Row>) -> Result<Vec<SnapshotRecord>, StoreError> {
    rows.into_iter().map(SnapshotRecord::read).collect()
}

fn layer_ids(rows: Vec<Row>) -> Result<BTreeSet<ObjectId>, StoreError> {
    let mut ids = BTreeSet::new();
    for mut row in rows {
        let root: RootRef = row.parse("root")?;
        ids.extend(root.layers.into_iter().map(|layer| layer.id));
    }
    Ok(ids)
}

/// Adds a snapshot of an organization's. `false`: it has one of that name.
pub(crate) async fn insert(conn: &mut Conn, new: &SnapshotRecord) -> Result<bool, StoreError> {
    let values = [
        Value::spelled(new.id),
        new.organization.map_or(Value::Null, Value::spelled),
        new.name.as_str().into(),
        new.name.to_lowercase().into(),
        Value::spelled(&new.root),
        Value::spelled(&new.default_user),
        new.resources.cpu.0.into(),
        new.resources.memory.0.into(),
        new.resources.disk.0.into(),
        Value::spelled(new.state),
        new.created_at.into(),
        new.source.map_or(Value::Null, Value::spelled),
        new.image_name.as_deref().into(),
        json(Some(&new.image))?,
        json(new.build.as_ref())?,
        new.size_bytes.map_or(Value::Null, unsigned),
    ];
    Ok(conn.execute(INSERT, &values).await? > 0)
}

/// How many snapshots the owner of a new one has. Until this transaction ends nobody else counts them.
pub(crate) async fn count_own(conn: &mut Conn, new: &SnapshotRecord) -> Result<u64, StoreError> {
    let owner = new.organization.map_or(Value::Null, Value::spelled);
    conn.execute(HOLD_ORGANIZATION, std::slice::from_ref(&owner)).await?;
    let mut row = conn.query_optional(COUNT_OWN, &[owner]).await?;
    row.as_mut().map_or(Ok(0), |row| row.number("count"))
}

/// Takes back what [`insert`] added.
pub(crate) async fn take_back(conn: &mut Conn, new: &SnapshotRecord) -> Result<(), StoreError> {
    let owner = new.organization.map_or(Value::Null, Value::spelled);
    conn.query(REMOVE, &[owner, Value::spelled(new.id)]).await.map(drop)
}

/// Every root file system that a snapshot is made of.
pub(crate) async fn roots(conn: &mut Conn) -> Result<Vec<RootRef>, StoreError> {
    conn.query(ROOTS, &[]).await?.into_iter().map(|mut row| row.parse("root")).collect()
}

/// Every statement that a list can become, so that each can be prepared by a test.
pub(crate) fn list_statements() -> Vec<String> {
    use SnapshotSort::{CreatedAt, LastUsedAt, Name, State};
    let sorts = [Name, State, LastUsedAt, CreatedAt];
    sorts
        .into_iter()
        .flat_map(|sort| [Order::Ascending, Order::Descending].map(|order| list_sql(sort, order)))
        .collect()
}

fn list_sql(sort: SnapshotSort, order: Order) -> String {
    let column = match sort {
        SnapshotSort::Name => "name",
        SnapshotSort::State => "state",
        SnapshotSort::LastUsedAt => "last_used_at",
        SnapshotSort::CreatedAt => "created_at",
    };
    let direction = order.sql();
    format!(
        "SELECT {} FROM snapshot WHERE owner IN ($1, '') AND name_folded LIKE $2 ESCAPE '\\' \
         AND COALESCE(source_sandbox_id, '') LIKE $3 \
         ORDER BY ({column} IS NULL) ASC, {column} {direction}, id {direction} LIMIT $4 OFFSET $5",
        columns!()
    )
}

async fn list(conn: &mut Conn, query: &SnapshotQuery) -> Result<SnapshotPage, StoreError> {
    let values = [
        Value::spelled(query.organization),
        crate::sandbox::containing(&query.name_part),
        query.source.map_or(Value::Text("%".to_owned()), Value::spelled),
        query.limit.into(),
        unsigned(query.offset),
    ];
    let mut count = conn.query(COUNT, &values[..3]).await?.into_iter().next();
    let total = count.as_mut().map_or(Ok(0), |row| row.number("count"))?;
    let rows = conn.query(&list_sql(query.sort, query.order), &values).await?;
    Ok(SnapshotPage { items: rows.into_iter().map(SnapshotRecord::read).collect::<Result<_, _>>()?, total })
}

async fn ensure(conn: &mut Conn, new: &NewSnapshot) -> Result<(), StoreError> {
    let values = [
        Value::spelled(new.id),
        new.name.as_str().into(),
        new.name.to_lowercase().into(),
        new.alias.as_deref().into(),
        Value::spelled(&new.root),
        Value::spelled(&new.default_user),
        new.resources.cpu.0.into(),
        new.resources.memory.0.into(),
        new.resources.disk.0.into(),
        Value::spelled(new.state),
        new.created_at.into(),
    ];
    conn.execute(ENSURE_SHARED, &values).await.map(drop)
}

async fn of_root(conn: &mut Conn, root: &RootRef) -> Result<Vec<SnapshotRecord>, StoreError> {
    conn.query(OF_ROOT, &[Value::spelled(root)]).await?.into_iter().map(SnapshotRecord::read).collect()
}

/// Notes that a sandbox was made from a snapshot.
pub(crate) async fn touch(conn: &mut Conn, id: SnapshotId, at: Timestamp) -> Result<(), StoreError> {
    conn.execute(TOUCH, &[Value::spelled(id), at.into()]).await.map(drop)
}
