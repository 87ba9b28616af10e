//! Warm pools: how many sandboxes of which snapshot are kept started for whom. Their members are sandboxes
//! (`sandbox/claim.rs`).

use paddock_types::{Cores, Gib, OrganizationId, OsUser, Resources, SnapshotId, Timestamp, WarmPoolId};

use crate::engine::Conn;
use crate::value::{Row, Value};
use crate::{Store, StoreError, constants};

/// The columns of a pool, in the order in which they are read; `ready` is counted.
macro_rules! columns {
    () => {
        "id, organization_id, snapshot_id, snapshot_name, region, size, os_user, cpu, memory, disk, error_reason, \
         created_at, updated_at, (SELECT COUNT(*) FROM sandbox s WHERE s.warm_pool_id = warm_pool.id \
         AND s.warm_pool_id IS NOT NULL AND s.state <> 'destroyed' AND s.state = 'started' AND s.desired = 'started')"
    };
}

constants! {
    INSERT = "INSERT INTO warm_pool (id, organization_id, snapshot_id, snapshot_name, region, size, os_user, cpu, memory, disk, \
              created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) ON CONFLICT DO NOTHING";
    OF_ORGANIZATION = concat!("SELECT ", columns!(), " FROM warm_pool WHERE organization_id = $1 ORDER BY created_at, id");
    ALL = concat!("SELECT ", columns!(), " FROM warm_pool ORDER BY id");
    BY_ID = concat!("SELECT ", columns!(), " FROM warm_pool WHERE id = $1 AND organization_id = $2");
    RESIZE = "UPDATE warm_pool SET size = $3, updated_at = $4 WHERE id = $1 AND organization_id = $2";
    SET_ERROR = "UPDATE warm_pool SET error_reason = $2, updated_at = $3 WHERE id = $1";
    DELETE = "DELETE FROM warm_pool WHERE id = $1 AND organization_id = $2";
    // Writes nothing new, and makes others of the same kind wait for the end of the transaction.
    LOCK = "UPDATE warm_pool SET size = size WHERE id = $1 RETURNING size";
    LOCK_ORGANIZATION = "UPDATE organization SET updated_at = updated_at WHERE id = $1";
    SUM_OF_OTHERS = "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM warm_pool WHERE organization_id = $1 AND id <> $2";
}

/// One warm pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarmPoolRecord {
    /// Which.
    pub id: WarmPoolId,
    /// Whose.
    pub organization: OrganizationId,
    /// What its members are made of. It may be gone.
    pub snapshot: SnapshotId,
    /// The snapshot's name when the pool was made.
    pub snapshot_name: String,
    /// Where.
    pub region: String,
    /// How many members it should have.
    pub size: u32,
    /// As whom members run.
    pub user: OsUser,
    /// The limits of each member.
    pub resources: Resources,
    /// Why it cannot be filled.
    pub error_reason: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// How many members wait for an owner. Counted when the record is read; not written.
    pub ready: u32,
}

/// What became of a pool that was to be made or resized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolOutcome {
    /// The pool as it now is.
    Done(Box<WarmPoolRecord>),
    /// The organization has a pool of this snapshot and region.
    Exists,
    /// All pools of the organization together would be larger than allowed.
    TooMany,
    /// The organization has no such pool.
    Missing,
}

impl WarmPoolRecord {
    fn read(mut row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parse("id")?,
            organization: row.parse("organization_id")?,
            snapshot: row.parse("snapshot_id")?,
            snapshot_name: row.text("snapshot_name")?,
            region: row.text("region")?,
            size: row.number("size")?,
            user: OsUser::try_from(row.text("os_user")?)
                .map_err(|_| StoreError::Corrupt { column: "os_user" })?,
            resources: Resources {
                cpu: Cores(row.number("cpu")?),
                memory: Gib(row.number("memory")?),
                disk: Gib(row.number("disk")?),
            },
            error_reason: row.optional_text("error_reason")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            ready: row.number("ready")?,
        })
    }
}

impl Store {
    /// Adds a pool, if all pools of its organization then have at most `most` members together.
    pub async fn insert_warm_pool(&self, pool: WarmPoolRecord, most: u32) -> Result<PoolOutcome, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                if !fits(conn, pool.organization, pool.id, pool.size, most).await? {
                    return Ok(PoolOutcome::TooMany);
                }
                let values = [
                    Value::spelled(pool.id),
                    Value::spelled(pool.organization),
                    Value::spelled(pool.snapshot),
                    pool.snapshot_name.as_str().into(),
                    pool.region.as_str().into(),
                    pool.size.into(),
                    Value::spelled(&pool.user),
                    pool.resources.cpu.0.into(),
                    pool.resources.memory.0.into(),
                    pool.resources.disk.0.into(),
                    pool.created_at.into(),
                ];
                if conn.execute(INSERT, &values).await? == 0 {
                    return Ok(PoolOutcome::Exists);
                }
                Ok(PoolOutcome::Done(Box::new(pool)))
            })
        })
        .await
    }

    /// Says how many members a pool should have, with the bound of [`Store::insert_warm_pool`].
    pub async fn resize_warm_pool(
        &self,
        organization: OrganizationId,
        id: WarmPoolId,
        size: u32,
        most: u32,
        now: Timestamp,
    ) -> Result<PoolOutcome, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let values = [Value::spelled(id), Value::spelled(organization), size.into(), now.into()];
                if !fits(conn, organization, id, size, most).await? {
                    let found = conn.query_optional(BY_ID, &values[..2]).await?;
                    return Ok(found.map_or(PoolOutcome::Missing, |_| PoolOutcome::TooMany));
                }
                conn.execute(RESIZE, &values).await?;
                let found = conn.query_optional(BY_ID, &values[..2]).await?;
                let Some(row) = found else { return Ok(PoolOutcome::Missing) };
                Ok(PoolOutcome::Done(Box::new(WarmPoolRecord::read(row)?)))
            })
        })
        .await
    }

    /// Removes a pool; what its members are from then on is for whoever tends pools to see. `false`: there is none.
    pub async fn delete_warm_pool(
        &self,
        organization: OrganizationId,
        id: WarmPoolId,
    ) -> Result<bool, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let values = [Value::spelled(id), Value::spelled(organization)];
                Ok(conn.execute(DELETE, &values).await? > 0)
            })
        })
        .await
    }

    /// Notes why a pool cannot be filled, or that it can.
    pub async fn set_warm_pool_error(
        &self,
        id: WarmPoolId,
        reason: Option<String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let values = [Value::spelled(id), reason.into(), now.into()];
                conn.execute(SET_ERROR, &values).await.map(drop)
            })
        })
        .await
    }

    /// The pools of an organization, the oldest first.
    pub async fn list_warm_pools(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<WarmPoolRecord>, StoreError> {
        self.read_scan(move |conn| {
            Box::pin(async move {
                let rows = conn.query(OF_ORGANIZATION, &[Value::spelled(organization)]).await?;
                rows.into_iter().map(WarmPoolRecord::read).collect()
            })
        })
        .await
    }

    /// Every pool of every organization.
    pub async fn list_all_warm_pools(&self) -> Result<Vec<WarmPoolRecord>, StoreError> {
        self.read_scan(|conn| {
            Box::pin(
                async move { conn.query(ALL, &[]).await?.into_iter().map(WarmPoolRecord::read).collect() },
            )
        })
        .await
    }
}

/// Keeps others from changing the members of a pool until the transaction ends. Its size, `None` if there is no such pool.
pub(crate) async fn lock(conn: &mut Conn, id: WarmPoolId) -> Result<Option<u32>, StoreError> {
    let row = conn.query_optional(LOCK, &[Value::spelled(id)]).await?;
    row.map(|mut row| row.number("size")).transpose()
}

/// Whether a pool of `size` leaves all pools of the organization together at `most`.
async fn fits(
    conn: &mut Conn,
    organization: OrganizationId,
    id: WarmPoolId,
    size: u32,
    most: u32,
) -> Result<bool, StoreError> {
    let values = [Value::spelled(organization), Value::spelled(id)];
    conn.execute(LOCK_ORGANIZATION, &values[..1]).await?;
    let mut row = conn.query_optional(SUM_OF_OTHERS, &values).await?;
    let others: u64 = row.as_mut().map_or(Ok(0), |row| row.number("sum"))?;
    Ok(others + u64::from(size) <= u64::from(most))
}
