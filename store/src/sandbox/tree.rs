//! Which sandbox was forked from which.

use paddock_types::SandboxId;

use super::record::{SandboxRecord, SandboxStatus, columns};
use super::write::{insert, update_status};
use crate::engine::Conn;
use crate::value::{Value, unsigned};
use crate::{Store, StoreError, constants};

constants! {
    CHILDREN = concat!("SELECT ", columns!(), " FROM sandbox WHERE parent_id = $1 AND ($2 <> 0 OR desired <> 'destroyed') \
                ORDER BY created_at, id LIMIT $3");
    FORGET = "DELETE FROM sandbox WHERE id = $1";
    LIVE_CHILD = "SELECT id FROM sandbox WHERE parent_id = $1 AND desired <> 'destroyed' LIMIT 1";
}

/// The most forks of one sandbox that are listed.
const MOST_CHILDREN: u64 = 1000;

/// What became of a fork.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForkOutcome {
    /// Both are on record; the parent as it now is.
    Done(Box<SandboxRecord>),
    /// The parent has changed meanwhile; nothing was written.
    ParentChanged,
    /// The organization has a live sandbox of the child's name; nothing was written.
    NameTaken,
}

impl Store {
    /// Adds `child` and replaces the status of its parent, if the parent's version is still `version`: both or neither.
    pub async fn fork_sandbox(
        &self,
        parent: SandboxId,
        version: u64,
        status: SandboxStatus,
        child: SandboxRecord,
    ) -> Result<ForkOutcome, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                // The child first: without it nothing is written, and an insertion can be taken back.
                if !insert(conn, &child).await? {
                    return Ok(ForkOutcome::NameTaken);
                }
                if let Some(parent) = update_status(conn, parent, version, &status).await? {
                    return Ok(ForkOutcome::Done(Box::new(parent)));
                }
                forget(conn, child.id).await?;
                Ok(ForkOutcome::ParentChanged)
            })
        })
        .await
    }

    /// The sandboxes that were forked from `parent`, the oldest first; at most a thousand.
    pub async fn list_forks(
        &self,
        parent: SandboxId,
        include_destroyed: bool,
    ) -> Result<Vec<SandboxRecord>, StoreError> {
        self.read_scan(move |conn| {
            Box::pin(async move {
                let values = [Value::spelled(parent), include_destroyed.into(), unsigned(MOST_CHILDREN)];
                conn.query(CHILDREN, &values).await?.into_iter().map(SandboxRecord::read).collect()
            })
        })
        .await
    }

    /// Whether a sandbox that was forked from this one is still wished.
    pub async fn has_live_forks(&self, parent: SandboxId) -> Result<bool, StoreError> {
        self.read_point(move |conn| {
            Box::pin(async move {
                Ok(conn.query_optional(LIVE_CHILD, &[Value::spelled(parent)]).await?.is_some())
            })
        })
        .await
    }
}

/// Takes an insertion of the same transaction back.
pub(super) async fn forget(conn: &mut Conn, id: SandboxId) -> Result<(), StoreError> {
    conn.execute(FORGET, &[Value::spelled(id)]).await.map(drop)
}
