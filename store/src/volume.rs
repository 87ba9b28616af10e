//! Volumes: files that outlive the sandboxes that mount them.

use paddock_types::{OrganizationId, Timestamp, VolumeId, VolumeState};

use crate::engine::Conn;
use crate::sandbox::mount;
use crate::value::{Row, Value, unsigned};
use crate::{Store, StoreError, constants};

macro_rules! columns {
    () => {
        "id, organization_id, name, created_at, last_used_at, state, error_reason, updated_at, version"
    };
}

constants! {
    // Takes the row until the transaction ends: counting and adding are then one step for the organization.
    HOLD_ORGANIZATION = "UPDATE organization SET updated_at = updated_at WHERE id = $1";
    COUNT = "SELECT COUNT(*) FROM volume WHERE organization_id = $1 AND state <> 'deleted'";
    INSERT = "INSERT INTO volume (id, organization_id, name, live_name, created_at, state, updated_at, version) \
              VALUES ($1, $2, $3, $3, $4, $5, $4, 1) ON CONFLICT DO NOTHING";
    BY_ID = concat!("SELECT ", columns!(), " FROM volume WHERE id = $1");
    BY_NAME = concat!("SELECT ", columns!(), " FROM volume WHERE organization_id = $1 AND live_name = $2");
    LIST = concat!("SELECT ", columns!(), " FROM volume WHERE organization_id = $1 AND (CAST($2 AS BIGINT) <> 0 OR state <> 'deleted') \
            ORDER BY created_at DESC, id");
    UNSETTLED = concat!("SELECT ", columns!(), " FROM volume \
                 WHERE state IN ('pending_create', 'creating', 'pending_delete', 'deleting') ORDER BY id");
    HOLD = concat!("UPDATE volume SET version = version WHERE id = $1 RETURNING ", columns!());
    // One that is to go gives its name back at once.
    SET_STATE = concat!("UPDATE volume SET state = $3, error_reason = $4, updated_at = $5, version = version + 1, \
                 live_name = CASE WHEN $3 IN ('pending_delete', 'deleting', 'deleted') THEN NULL ELSE live_name END \
                 WHERE id = $1 AND version = $2 RETURNING ", columns!());
    TOUCH = concat!("UPDATE volume SET last_used_at = $2 \
             WHERE id = $1 AND state = 'ready' AND (last_used_at IS NULL OR last_used_at < $2) RETURNING ", columns!());
    PURGE = "DELETE FROM volume WHERE state = 'deleted' AND updated_at < $1";
}

/// One volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeRecord {
    /// Which.
    pub id: VolumeId,
    /// Whose.
    pub organization: OrganizationId,
    /// Its name; equal to the id when its maker gave none.
    pub name: String,
    /// Since when it is on record.
    pub created_at: Timestamp,
    /// When a sandbox that mounts it was last started.
    pub last_used_at: Option<Timestamp>,
    /// How it is.
    pub state: VolumeState,
    /// Why it could not be made or removed.
    pub error_reason: Option<String>,
    /// When its state last changed.
    pub updated_at: Timestamp,
    /// Counts the changes of its state: a change names the version that it replaces.
    pub version: u64,
}

/// What became of adding a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsertVolumeOutcome {
    /// It is on record.
    Done,
    /// Its organization has a live volume of that name; nothing was written.
    NameTaken,
    /// Its organization has as many as it may have; nothing was written.
    TooMany,
}

/// What became of asking for a volume's removal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeleteVolumeOutcome {
    /// It is to go; as it now is, and the state that it had before.
    Done(VolumeRecord, VolumeState),
    /// A sandbox that is wished mounts it.
    Mounted,
    /// It is in a state in which it cannot be asked for.
    State(VolumeState),
    /// There is none.
    Gone,
}

impl VolumeRecord {
    fn read(mut row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parse("id")?,
            organization: row.parse("organization_id")?,
            name: row.text("name")?,
            created_at: row.time("created_at")?,
            last_used_at: row.optional_time("last_used_at")?,
            state: row.parse("state")?,
            error_reason: row.optional_text("error_reason")?,
            updated_at: row.time("updated_at")?,
            version: row.number("version")?,
        })
    }
}

impl Store {
    /// Adds a volume, unless its organization has `most` already.
    pub async fn insert_volume(
        &self,
        volume: VolumeRecord,
        most: u64,
    ) -> Result<InsertVolumeOutcome, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let organization = Value::spelled(volume.organization);
                conn.execute(HOLD_ORGANIZATION, std::slice::from_ref(&organization)).await?;
                let row = conn.query_optional(COUNT, std::slice::from_ref(&organization)).await?;
                let count: u64 = row.map_or(Ok(0), |mut row| row.number("count"))?;
                if count >= most {
                    return Ok(InsertVolumeOutcome::TooMany);
                }
                let values = [
                    Value::spelled(volume.id),
                    organization,
                    volume.name.into(),
                    volume.created_at.into(),
                    Value::spelled(volume.state),
                ];
                let is_new = conn.execute(INSERT, &values).await? > 0;
                Ok(if is_new { InsertVolumeOutcome::Done } else { InsertVolumeOutcome::NameTaken })
            })
        })
        .await
    }

    /// One volume of an organization by id, also one that is gone.
    pub async fn load_volume(
        &self,
        organization: OrganizationId,
        id: VolumeId,
    ) -> Result<Option<VolumeRecord>, StoreError> {
        self.read_point(move |conn| {
            Box::pin(
                async move { Ok(by_id(conn, id).await?.filter(|found| found.organization == organization)) },
            )
        })
        .await
    }

    /// One volume of an organization by name, as long as the name is taken.
    pub async fn load_volume_by_name(
        &self,
        organization: OrganizationId,
        name: String,
    ) -> Result<Option<VolumeRecord>, StoreError> {
        self.read_point(move |conn| {
            Box::pin(async move {
                let values = [Value::spelled(organization), name.into()];
                conn.query_optional(BY_NAME, &values).await?.map(VolumeRecord::read).transpose()
            })
        })
        .await
    }

    /// Every volume of an organization, the newest first; those that are gone only if asked for.
    pub async fn list_volumes(
        &self,
        organization: OrganizationId,
        include_deleted: bool,
    ) -> Result<Vec<VolumeRecord>, StoreError> {
        self.read_scan(move |conn| {
            Box::pin(async move {
                let values = [Value::spelled(organization), include_deleted.into()];
                conn.query(LIST, &values).await?.into_iter().map(VolumeRecord::read).collect()
            })
        })
        .await
    }

    /// The volumes that are on their way to somewhere, by id.
    pub async fn list_unsettled_volumes(&self) -> Result<Vec<VolumeRecord>, StoreError> {
        self.read_scan(|conn| {
            Box::pin(async move {
                conn.query(UNSETTLED, &[]).await?.into_iter().map(VolumeRecord::read).collect()
            })
        })
        .await
    }

    /// Asks for the removal of a volume that is ready or failed and that no sandbox mounts which is still wished.
    /// Its name is free from here on.
    pub async fn delete_volume(
        &self,
        organization: OrganizationId,
        id: VolumeId,
        now: Timestamp,
    ) -> Result<DeleteVolumeOutcome, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let held = hold(conn, id).await?.filter(|found| found.organization == organization);
                let Some(volume) = held else { return Ok(DeleteVolumeOutcome::Gone) };
                if !matches!(volume.state, VolumeState::Ready | VolumeState::Error) {
                    return Ok(DeleteVolumeOutcome::State(volume.state));
                }
                if mount::wished_user(conn, id).await? {
                    return Ok(DeleteVolumeOutcome::Mounted);
                }
                let changed = set_state(conn, &volume, VolumeState::PendingDelete, None, now).await?;
                Ok(changed.map_or(DeleteVolumeOutcome::Gone, |changed| {
                    DeleteVolumeOutcome::Done(changed, volume.state)
                }))
            })
        })
        .await
    }

    /// Replaces the state of a volume, if it is still as it was when `volume` was read. Gives back the record as it
    /// then is, `None` if it was not replaced.
    pub async fn set_volume_state(
        &self,
        volume: VolumeRecord,
        state: VolumeState,
        error_reason: Option<String>,
        now: Timestamp,
    ) -> Result<Option<VolumeRecord>, StoreError> {
        self.write(move |conn| {
            Box::pin(async move { set_state(conn, &volume, state, error_reason, now).await })
        })
        .await
    }

    /// Forgets the volumes that were gone before `before`. Gives back how many.
    pub async fn purge_deleted_volumes(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write(move |conn| Box::pin(async move { conn.execute(PURGE, &[before.into()]).await })).await
    }
}

/// One volume; nobody else changes it, or adds a sandbox that mounts it, until the transaction ends.
pub(crate) async fn hold(conn: &mut Conn, id: VolumeId) -> Result<Option<VolumeRecord>, StoreError> {
    conn.query_optional(HOLD, &[Value::spelled(id)]).await?.map(VolumeRecord::read).transpose()
}

/// Notes a use. Gives back the record if that moved its last use forward.
pub(crate) async fn touch(
    conn: &mut Conn,
    id: VolumeId,
    now: Timestamp,
) -> Result<Option<VolumeRecord>, StoreError> {
    conn.query_optional(TOUCH, &[Value::spelled(id), now.into()]).await?.map(VolumeRecord::read).transpose()
}

async fn by_id(conn: &mut Conn, id: VolumeId) -> Result<Option<VolumeRecord>, StoreError> {
    conn.query_optional(BY_ID, &[Value::spelled(id)]).await?.map(VolumeRecord::read).transpose()
}

async fn set_state(
    conn: &mut Conn,
    volume: &VolumeRecord,
    state: VolumeState,
    error_reason: Option<String>,
    now: Timestamp,
) -> Result<Option<VolumeRecord>, StoreError> {
    let values = [
        Value::spelled(volume.id),
        unsigned(volume.version),
        Value::spelled(state),
        error_reason.into(),
        now.into(),
    ];
    conn.query_optional(SET_STATE, &values).await?.map(VolumeRecord::read).transpose()
}
