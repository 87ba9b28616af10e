//! Members of warm pools: counted, made, and handed to whoever asks first.
//!
//! What a pool has is what its rows say; there is no counter beside them. A member is a sandbox with a pool and
//! without a live name; a claim takes the pool away and gives it the rest, as one change under the row's version, so
//! of two claims one finds the row changed.

use paddock_types::{
    DesiredState, OrganizationId, SandboxId, SandboxState, SnapshotId, Timestamp, WarmPoolId,
};

use super::record::{SandboxRecord, columns};
use super::tree::forget;
use super::write::{insert, insert_labels, insert_without_labels, labels_json};
use crate::value::{Value, unsigned};
use crate::{Store, StoreError, constants, layer, warm_pool};

constants! {
    MEMBERS = "SELECT id, warm_pool_id, state, desired, error_reason, created_at FROM sandbox \
               WHERE warm_pool_id IS NOT NULL AND state <> 'destroyed' ORDER BY created_at, id";
    READY = "SELECT s.id, s.version, s.generation_epoch, s.generation_number FROM warm_pool p \
             JOIN sandbox s ON s.warm_pool_id = p.id \
             WHERE p.organization_id = $1 AND p.snapshot_id = $2 AND p.region = $3 AND s.warm_pool_id IS NOT NULL \
             AND s.state <> 'destroyed' AND s.state = 'started' AND s.desired = 'started' \
             ORDER BY s.created_at, s.id LIMIT $4";
    COUNT = "SELECT COUNT(*) FROM sandbox WHERE warm_pool_id = $1 AND state <> 'destroyed' AND desired <> 'destroyed'";
    CLAIM = concat!("UPDATE sandbox SET warm_pool_id = NULL, name = $3, name_folded = $4, live_name = $3, labels = $5, public = $6, \
                     auto_stop = $7, auto_pause = $8, auto_archive = $9, auto_delete = $10, auto_destroy_at = $11, \
                     created_at = $12, last_activity_at = $12, updated_at = $12, auth_token = $13, version = version + 1 \
                     WHERE id = $1 AND version = $2 AND warm_pool_id IS NOT NULL AND state = 'started' AND desired = 'started' \
                     RETURNING ", columns!());
}

/// A sandbox that waits in a pool, or is being made for it, or is of no use to it any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolMember {
    /// Which.
    pub id: SandboxId,
    /// Where. The pool need not exist any more.
    pub pool: WarmPoolId,
    /// What it is.
    pub state: SandboxState,
    /// What it should become.
    pub desired: DesiredState,
    /// Why it failed, or why it stopped by itself.
    pub error_reason: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
}

/// A member that could be handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadyMember {
    /// Which.
    pub id: SandboxId,
    /// The version of its record.
    pub version: u64,
    /// The wish that it has come true of.
    pub generation: paddock_types::Generation,
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The member as it now is: somebody's.
    Claimed(Box<SandboxRecord>),
    /// The organization has a live sandbox of the name; nothing was written.
    NameTaken,
    /// The member has changed meanwhile; nothing was written.
    Gone,
}

impl Store {
    /// Every member of every pool of all organizations, the oldest first; those being removed among them.
    pub async fn list_pool_members(&self) -> Result<Vec<PoolMember>, StoreError> {
        self.read_scan(|conn| {
            Box::pin(async move {
                let rows = conn.query(MEMBERS, &[]).await?.into_iter();
                rows.map(|mut row| {
                    Ok(PoolMember {
                        id: row.parse("id")?,
                        pool: row.parse("warm_pool_id")?,
                        state: row.parse("state")?,
                        desired: row.parse("desired")?,
                        error_reason: row.optional_text("error_reason")?,
                        created_at: row.time("created_at")?,
                    })
                })
                .collect()
            })
        })
        .await
    }

    /// At most `limit` members that an organization's create of this snapshot and region could be given, the
    /// oldest first.
    pub async fn list_ready_members(
        &self,
        organization: OrganizationId,
        snapshot: SnapshotId,
        region: String,
        limit: u32,
    ) -> Result<Vec<ReadyMember>, StoreError> {
        self.read_point(move |conn| {
            Box::pin(async move {
                let values =
                    [Value::spelled(organization), Value::spelled(snapshot), region.into(), limit.into()];
                let rows = conn.query(READY, &values).await?.into_iter();
                rows.map(|mut row| {
                    Ok(ReadyMember {
                        id: row.parse("id")?,
                        version: row.number("version")?,
                        generation: paddock_types::Generation {
                            epoch: row.number("generation_epoch")?,
                            number: row.number("generation_number")?,
                        },
                    })
                })
                .collect()
            })
        })
        .await
    }

    /// Adds a member, if its pool still has room for one. `false`: it has none, or is gone.
    pub async fn insert_pool_member(
        &self,
        pool: WarmPoolId,
        member: SandboxRecord,
    ) -> Result<bool, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                // Whoever else counts and adds waits here.
                let Some(size) = warm_pool::lock(conn, pool).await? else { return Ok(false) };
                let mut row = conn.query_optional(COUNT, &[Value::spelled(pool)]).await?;
                let count: u64 = row.as_mut().map_or(Ok(0), |row| row.number("count"))?;
                if count >= u64::from(size) || !layer::hold(conn, &member.root).await? {
                    return Ok(false);
                }
                insert(conn, &member).await
            })
        })
        .await
    }

    /// Gives a member that waits and runs, and whose version is still `version`, to the organization that it is of: with
    /// the name, labels, timers, token and times of `wished`, which must have an id of its own.
    pub async fn claim_sandbox(
        &self,
        member: SandboxId,
        version: u64,
        wished: SandboxRecord,
    ) -> Result<ClaimOutcome, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                // A name is taken by an insertion alone: only that can lose to another one without an error.
                if !insert_without_labels(conn, &wished).await? {
                    return Ok(ClaimOutcome::NameTaken);
                }
                forget(conn, wished.id).await?;
                let values = [
                    Value::spelled(member),
                    unsigned(version),
                    wished.name.as_str().into(),
                    wished.name.to_lowercase().into(),
                    labels_json(&wished.labels)?,
                    wished.public.into(),
                    wished.auto_stop.to_wire().into(),
                    wished.auto_pause.to_wire().into(),
                    wished.auto_archive.to_wire().into(),
                    wished.auto_delete.to_wire().into(),
                    wished.auto_destroy_at.into(),
                    wished.created_at.into(),
                    wished.status.auth_token.0.as_str().into(),
                ];
                let Some(row) = conn.query_optional(CLAIM, &values).await? else {
                    return Ok(ClaimOutcome::Gone);
                };
                let claimed = SandboxRecord::read(row)?;
                insert_labels(conn, &claimed).await?;
                Ok(ClaimOutcome::Claimed(Box::new(claimed)))
            })
        })
        .await
    }
}
