//! Which sandbox is linked with which: whoever is linked lives no longer than what it is linked with.

use paddock_types::SandboxId;

use super::write::InsertOutcome;
use crate::engine::Conn;
use crate::value::Value;
use crate::{Store, StoreError, constants};

constants! {
    // Writes nothing new: whoever wants to delete the target waits, or has done so.
    HOLD_TARGET = "UPDATE sandbox SET version = version WHERE id = $1 AND desired <> 'destroyed' AND linked_to IS NULL \
                   AND warm_pool_id IS NULL AND state IN ('started', 'stopped')";
    COUNT = "SELECT COUNT(*) FROM sandbox WHERE linked_to = $1 AND linked_to IS NOT NULL AND desired <> 'destroyed'";
    LIVE = "SELECT id FROM sandbox WHERE linked_to = $1 AND linked_to IS NOT NULL AND desired <> 'destroyed' ORDER BY id";
}

/// The most sandboxes that are linked with one. Ours: in the router each reaches each by an element of its own.
pub const MOST_LINKED: u64 = 16;

/// Keeps a target from being deleted until this transaction ends, so that a target that is deleted in the same moment either
/// has the new sandbox as a linked one already, or refuses it. What stands in the way of the link, if anything does.
pub(super) async fn hold(conn: &mut Conn, target: SandboxId) -> Result<Option<InsertOutcome>, StoreError> {
    let values = [Value::spelled(target)];
    if conn.execute(HOLD_TARGET, &values).await? == 0 {
        return Ok(Some(InsertOutcome::TargetGone));
    }
    let mut row = conn.query_optional(COUNT, &values).await?;
    let count: u64 = row.as_mut().map_or(Ok(0), |row| row.number("count"))?;
    Ok((count >= MOST_LINKED).then_some(InsertOutcome::TooManyLinked))
}

impl Store {
    /// The sandboxes that are linked with `target` and are not to be deleted yet.
    pub async fn list_linked(&self, target: SandboxId) -> Result<Vec<SandboxId>, StoreError> {
        self.read_point(move |conn| {
            Box::pin(async move {
                let rows = conn.query(LIVE, &[Value::spelled(target)]).await?;
                rows.into_iter().map(|mut row| row.parse("id")).collect()
            })
        })
        .await
    }
}
