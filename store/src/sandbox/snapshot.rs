//! Snapshots that are taken from sandboxes.

use paddock_types::{ObjectId, RootRef, SandboxId};

use super::record::{SandboxRecord, SandboxStatus};
use super::write::update_status;
use crate::engine::Conn;
use crate::value::Value;
use crate::{SnapshotRecord, Store, StoreError, constants, layer, snapshot};

constants! {
    ROOTS = "SELECT DISTINCT root FROM sandbox WHERE root <> 'builtin' AND state <> 'destroyed'";
    // One that has a task is not settled.
    WRITES = "SELECT id FROM sandbox WHERE settled = 0 AND task LIKE $1 LIMIT 1";
}

/// What became of the wish for a snapshot of a sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotOutcome {
    /// Both are on record; the sandbox as it now is.
    Done(Box<SandboxRecord>),
    /// The sandbox has changed meanwhile; nothing was written.
    SourceChanged,
    /// The organization has a snapshot of that name; nothing was written.
    NameTaken,
    /// The organization has as many snapshots as it may; nothing was written.
    TooMany,
}

impl Store {
    /// Adds `snapshot` and the layer that it will be made of, and replaces the status of its source, if the source's
    /// version is still `version` and its organization has fewer than `most` snapshots: all or nothing.
    pub async fn begin_snapshot(
        &self,
        most: u64,
        source: SandboxId,
        version: u64,
        status: SandboxStatus,
        snapshot: SnapshotRecord,
        layer: ObjectId,
    ) -> Result<SnapshotOutcome, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                if snapshot::count_own(conn, &snapshot).await? >= most {
                    return Ok(SnapshotOutcome::TooMany);
                }
                if !snapshot::insert(conn, &snapshot).await? {
                    return Ok(SnapshotOutcome::NameTaken);
                }
                if let Some(source) = update_status(conn, source, version, &status).await? {
                    layer::add(conn, layer, snapshot.created_at).await?;
                    return Ok(SnapshotOutcome::Done(Box::new(source)));
                }
                snapshot::take_back(conn, &snapshot).await?;
                Ok(SnapshotOutcome::SourceChanged)
            })
        })
        .await
    }
}

/// The root file systems with layers that sandboxes are made of.
pub(crate) async fn roots_in_use(conn: &mut Conn) -> Result<Vec<RootRef>, StoreError> {
    conn.query(ROOTS, &[]).await?.into_iter().map(|mut row| row.parse("root")).collect()
}

/// Whether a task that is wished writes this layer.
pub(crate) async fn writes_layer(conn: &mut Conn, id: ObjectId) -> Result<bool, StoreError> {
    Ok(conn.query_optional(WRITES, &[Value::Text(format!("%{id}%"))]).await?.is_some())
}
