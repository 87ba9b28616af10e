//! Which sandbox mounts which volume.
//!
//! Invariant: a volume that is being removed is mounted by nobody who is still wished. Whoever adds a sandbox, and
//! whoever removes a volume, first takes the volume's row ([`crate::volume::hold`]), so that of two at once the later
//! sees what the earlier did.

use std::collections::BTreeSet;

use paddock_types::{Timestamp, VolumeId, VolumeState};

use super::record::SandboxRecord;
use super::write::InsertOutcome;
use crate::engine::Conn;
use crate::value::Value;
use crate::volume::{self, VolumeRecord};
use crate::{Store, StoreError, constants};

constants! {
    INSERT = "INSERT INTO sandbox_volume (sandbox_id, volume_id) VALUES ($1, $2)";
    WISHED_USER = "SELECT m.sandbox_id FROM sandbox_volume m JOIN sandbox s ON s.id = m.sandbox_id \
                   WHERE m.volume_id = $1 AND s.desired <> 'destroyed' LIMIT 1";
    LIVE_USER = "SELECT m.sandbox_id FROM sandbox_volume m JOIN sandbox s ON s.id = m.sandbox_id \
                 WHERE m.volume_id = $1 AND s.state <> 'destroyed' LIMIT 1";
}

impl Store {
    /// Whether any sandbox that is not gone yet, wished or not, mounts the volume.
    pub async fn is_volume_mounted(&self, id: VolumeId) -> Result<bool, StoreError> {
        self.read_point(move |conn| {
            Box::pin(
                async move { Ok(conn.query_optional(LIVE_USER, &[Value::spelled(id)]).await?.is_some()) },
            )
        })
        .await
    }

    /// Notes that volumes are used. Gives back those whose last use moved forward, as they then are.
    pub async fn touch_volumes(
        &self,
        ids: Vec<VolumeId>,
        now: Timestamp,
    ) -> Result<Vec<VolumeRecord>, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let mut touched = Vec::new();
                // In one order for all, so that two of these never wait for each other.
                for id in ids.into_iter().collect::<BTreeSet<_>>() {
                    touched.extend(volume::touch(conn, id, now).await?);
                }
                Ok(touched)
            })
        })
        .await
    }
}

/// Keeps the volumes of a sandbox from being removed until this transaction ends. What stands in the way of mounting them,
/// if anything does.
pub(super) async fn hold(
    conn: &mut Conn,
    sandbox: &SandboxRecord,
) -> Result<Option<InsertOutcome>, StoreError> {
    for id in volumes_of(sandbox) {
        let held = volume::hold(conn, id).await?;
        let is_usable = |volume: &VolumeRecord| {
            volume.organization == sandbox.organization && volume.state == VolumeState::Ready
        };
        if !held.as_ref().is_some_and(is_usable) {
            return Ok(Some(InsertOutcome::VolumeNotReady(id)));
        }
    }
    Ok(None)
}

/// Notes what a sandbox that was just added mounts.
pub(super) async fn insert(conn: &mut Conn, sandbox: &SandboxRecord) -> Result<(), StoreError> {
    for id in volumes_of(sandbox) {
        conn.execute(INSERT, &[Value::spelled(sandbox.id), Value::spelled(id)]).await?;
    }
    Ok(())
}

/// A sandbox that is wished and mounts the volume.
pub(crate) async fn wished_user(conn: &mut Conn, id: VolumeId) -> Result<bool, StoreError> {
    Ok(conn.query_optional(WISHED_USER, &[Value::spelled(id)]).await?.is_some())
}

/// Every volume once, in the order in which all take them.
fn volumes_of(sandbox: &SandboxRecord) -> BTreeSet<VolumeId> {
    sandbox.volumes.iter().map(|mount| mount.volume).collect()
}
