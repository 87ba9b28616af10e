//! Single sandboxes, and walks over all of them.

use paddock_types::{OrganizationId, SandboxId, SandboxRef, SandboxState, Timestamp};

use super::record::{SandboxRecord, columns};
use crate::api_key::KeyHash;
use crate::engine::Conn;
use crate::value::{Row, Value};
use crate::{Store, StoreError, constants};

constants! {
    BY_ID = concat!("SELECT ", columns!(), " FROM sandbox WHERE id = $1");
    BY_NAME = concat!("SELECT ", columns!(), " FROM sandbox WHERE organization_id = $1 AND live_name = $2");
    UNSETTLED = "SELECT id FROM sandbox WHERE settled = 0 ORDER BY id";
    LIVE_AFTER = "SELECT id FROM sandbox WHERE id > $1 AND destroyed_at IS NULL ORDER BY id LIMIT $2";
    // One row per presented key; the sandbox's columns are NULL when the key may not know it.
    AUTHORIZE_BY_ID = "SELECT k.organization_id, k.expires_at, s.id, s.state FROM api_key k \
                       LEFT JOIN sandbox s ON s.id = $2 AND s.organization_id = k.organization_id AND s.state <> 'destroyed' \
                       AND s.warm_pool_id IS NULL WHERE k.hash = $1";
    AUTHORIZE_BY_NAME = "SELECT k.organization_id, k.expires_at, s.id, s.state FROM api_key k \
                         LEFT JOIN sandbox s ON s.organization_id = k.organization_id AND s.live_name = $2 AND s.state <> 'destroyed' \
                         WHERE k.hash = $1";
}

/// What a presented key finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented {
    /// There is no such key, or it has expired.
    UnknownKey,
    /// The key is good, and its organization has no such sandbox.
    UnknownSandbox,
    /// The key's organization owns the sandbox.
    Owner(Authorized),
}

/// A sandbox that a key may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authorized {
    /// Which.
    pub sandbox: SandboxId,
    /// Whose.
    pub organization: OrganizationId,
    /// Its shown state.
    pub state: SandboxState,
}

impl Store {
    /// One sandbox in any state, whosever it is. For work that nobody asked for by name.
    pub async fn load_sandbox(&self, id: SandboxId) -> Result<Option<SandboxRecord>, StoreError> {
        self.read_point(move |conn| Box::pin(by_id(conn, id))).await
    }

    /// A sandbox of an organization by id or name, destroyed ones left out. By name only while the
    /// name is taken: from the moment of deletion it belongs to whoever takes it next. What waits in a warm pool is
    /// nobody's yet.
    pub async fn find_sandbox(
        &self,
        organization: OrganizationId,
        reference: SandboxRef,
    ) -> Result<Option<SandboxRecord>, StoreError> {
        self.read_point(move |conn| {
            Box::pin(async move {
                if let SandboxRef::Id(id) = &reference {
                    let found = by_id(conn, *id).await?.filter(|found| {
                        found.organization == organization
                            && found.status.state != SandboxState::Destroyed
                            && found.warm_pool.is_none()
                    });
                    if found.is_some() {
                        return Ok(found);
                    }
                }
                let values = [Value::spelled(organization), Value::spelled(&reference)];
                conn.query_optional(BY_NAME, &values).await?.map(SandboxRecord::read).transpose()
            })
        })
        .await
    }

    /// Looks a presented key and a sandbox up in one go: every toolbox request asks this.
    pub async fn authorize(
        &self,
        key: KeyHash,
        reference: SandboxRef,
        now: Timestamp,
    ) -> Result<Presented, StoreError> {
        self.read_point(move |conn| {
            Box::pin(async move {
                let values = [Value::spelled(key), Value::spelled(&reference)];
                if matches!(reference, SandboxRef::Id(_)) {
                    let row = conn.query_optional(AUTHORIZE_BY_ID, &values).await?;
                    let presented = row.map_or(Ok(Presented::UnknownKey), |row| read_presented(row, now))?;
                    if presented != Presented::UnknownSandbox {
                        return Ok(presented);
                    }
                }
                let row = conn.query_optional(AUTHORIZE_BY_NAME, &values).await?;
                row.map_or(Ok(Presented::UnknownKey), |row| read_presented(row, now))
            })
        })
        .await
    }

    /// The sandboxes about which something is left to be done, in no telling order.
    pub async fn list_unsettled(&self) -> Result<Vec<SandboxId>, StoreError> {
        self.read_scan(|conn| {
            Box::pin(async move {
                conn.query(UNSETTLED, &[]).await?.into_iter().map(|mut row| row.parse("id")).collect()
            })
        })
        .await
    }

    /// At most `limit` sandboxes that are not gone, by id, behind `after`: a walk over all of them.
    pub async fn list_live_after(
        &self,
        after: Option<SandboxId>,
        limit: u32,
    ) -> Result<Vec<SandboxId>, StoreError> {
        self.read_scan(move |conn| {
            Box::pin(async move {
                let values = [after.map(|id| id.to_string()).unwrap_or_default().into(), limit.into()];
                conn.query(LIVE_AFTER, &values).await?.into_iter().map(|mut row| row.parse("id")).collect()
            })
        })
        .await
    }
}

pub(super) async fn by_id(conn: &mut Conn, id: SandboxId) -> Result<Option<SandboxRecord>, StoreError> {
    conn.query_optional(BY_ID, &[Value::spelled(id)]).await?.map(SandboxRecord::read).transpose()
}

fn read_presented(mut row: Row, now: Timestamp) -> Result<Presented, StoreError> {
    let organization = row.parse("organization_id")?;
    if row.optional_time("expires_at")?.is_some_and(|end| end <= now) {
        return Ok(Presented::UnknownKey);
    }
    let (sandbox, state) = (row.optional_parse("id")?, row.optional_parse("state")?);
    Ok(match (sandbox, state) {
        (Some(sandbox), Some(state)) => Presented::Owner(Authorized { sandbox, organization, state }),
        _ => Presented::UnknownSandbox,
    })
}
