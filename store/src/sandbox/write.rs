//! Changes to sandboxes.

use std::collections::BTreeMap;

use paddock_types::{ApiKeyId, SandboxId, SnapshotId, Timestamp};

use super::read::by_id;
use super::record::{SandboxRecord, SandboxStatus};
use crate::engine::Conn;
use crate::value::{Value, unsigned};
use crate::{Store, StoreError, api_key, constants, snapshot};

constants! {
    INSERT = "INSERT INTO sandbox (id, organization_id, name, name_folded, live_name, snapshot_name, root, os_user, env, labels, \
              public, network_block_all, region, cpu, memory, disk, auto_stop, auto_archive, auto_delete, \
              created_at, last_activity_at, desired, forced, generation_epoch, generation_number, state, settled, existed, \
              error_reason, recoverable, daemon_version, runner_id, auth_token, updated_at, destroyed_at, version) \
              VALUES ($1, $2, $3, $4, $3, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, \
              $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, 1) ON CONFLICT DO NOTHING";
    // A sandbox that should be gone gives its name back at once.
    UPDATE_STATUS = "UPDATE sandbox SET desired = $3, forced = $4, generation_epoch = $5, generation_number = $6, state = $7, \
                     settled = $8, existed = $9, error_reason = $10, recoverable = $11, daemon_version = $12, runner_id = $13, \
                     auth_token = $14, updated_at = $15, destroyed_at = $16, version = version + 1, \
                     live_name = CASE WHEN $3 = 'destroyed' THEN NULL ELSE live_name END, \
                     last_activity_at = CASE WHEN last_activity_at < $15 THEN $15 ELSE last_activity_at END \
                     WHERE id = $1 AND version = $2";
    SET_LABELS = "UPDATE sandbox SET labels = $2, updated_at = $3 WHERE id = $1 AND state <> 'destroyed'";
    CLEAR_LABELS = "DELETE FROM sandbox_label WHERE sandbox_id = $1";
    INSERT_LABEL = "INSERT INTO sandbox_label (sandbox_id, organization_id, name, value) VALUES ($1, $2, $3, $4)";
    TOUCH = "UPDATE sandbox SET last_activity_at = $2 WHERE id = $1 AND last_activity_at < $2";
    PURGE = "DELETE FROM sandbox WHERE destroyed_at IS NOT NULL AND destroyed_at < $1";
}

impl Store {
    /// Adds a sandbox. `false`: its organization has a live one of that name.
    pub async fn insert_sandbox(&self, sandbox: SandboxRecord) -> Result<bool, StoreError> {
        self.write(move |conn| Box::pin(async move { insert(conn, &sandbox).await })).await
    }

    /// Replaces the status of a sandbox if its version is still `version`, and counts as activity.
    /// Gives back whether it was. When the wish is that it be gone, its name is free from here on.
    pub async fn update_sandbox_status(
        &self,
        id: SandboxId,
        version: u64,
        status: SandboxStatus,
    ) -> Result<bool, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let mut values = vec![Value::spelled(id), unsigned(version)];
                values.extend(status.values());
                Ok(conn.execute(UPDATE_STATUS, &values).await? == 1)
            })
        })
        .await
    }

    /// Replaces all labels of a sandbox; the last writer wins. Gives back the record, `None` if it is gone.
    pub async fn replace_labels(
        &self,
        id: SandboxId,
        labels: BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<Option<SandboxRecord>, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let values = [Value::spelled(id), labels_json(&labels)?, now.into()];
                if conn.execute(SET_LABELS, &values).await? == 0 {
                    return Ok(None);
                }
                conn.execute(CLEAR_LABELS, &values[..1]).await?;
                let record = by_id(conn, id).await?;
                if let Some(record) = &record {
                    insert_labels(conn, record).await?;
                }
                Ok(record)
            })
        })
        .await
    }

    /// Notes the use of sandboxes, keys and snapshots: what was collected since the last time.
    /// An older time than the recorded one changes nothing.
    pub async fn record_activity(
        &self,
        sandboxes: Vec<(SandboxId, Timestamp)>,
        keys: Vec<(ApiKeyId, Timestamp)>,
        snapshots: Vec<(SnapshotId, Timestamp)>,
    ) -> Result<(), StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                for (id, at) in sandboxes {
                    conn.execute(TOUCH, &[Value::spelled(id), at.into()]).await?;
                }
                for (id, at) in keys {
                    api_key::touch(conn, id, at).await?;
                }
                for (id, at) in snapshots {
                    snapshot::touch(conn, id, at).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Forgets the sandboxes that were gone before `before`. Gives back how many.
    pub async fn purge_destroyed(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write(move |conn| Box::pin(async move { conn.execute(PURGE, &[before.into()]).await })).await
    }
}

async fn insert(conn: &mut Conn, sandbox: &SandboxRecord) -> Result<bool, StoreError> {
    let env = serde_json::to_string(&sandbox.env).map_err(StoreError::refused)?;
    let mut values = vec![
        Value::spelled(sandbox.id),
        Value::spelled(sandbox.organization),
        sandbox.name.as_str().into(),
        sandbox.name.to_lowercase().into(),
        sandbox.snapshot_name.as_str().into(),
        Value::spelled(sandbox.root),
        Value::spelled(&sandbox.user),
        env.into(),
        labels_json(&sandbox.labels)?,
        sandbox.public.into(),
        sandbox.network_block_all.into(),
        sandbox.region.as_str().into(),
        sandbox.resources.cpu.0.into(),
        sandbox.resources.memory.0.into(),
        sandbox.resources.disk.0.into(),
        sandbox.auto_stop.to_wire().into(),
        sandbox.auto_archive.to_wire().into(),
        sandbox.auto_delete.to_wire().into(),
        sandbox.created_at.into(),
        sandbox.last_activity_at.into(),
    ];
    values.extend(sandbox.status.values());
    if conn.execute(INSERT, &values).await? == 0 {
        return Ok(false);
    }
    insert_labels(conn, sandbox).await?;
    Ok(true)
}

async fn insert_labels(conn: &mut Conn, sandbox: &SandboxRecord) -> Result<(), StoreError> {
    for (name, value) in &sandbox.labels {
        let values = [
            Value::spelled(sandbox.id),
            Value::spelled(sandbox.organization),
            name.as_str().into(),
            value.as_str().into(),
        ];
        conn.execute(INSERT_LABEL, &values).await?;
    }
    Ok(())
}

fn labels_json(labels: &BTreeMap<String, String>) -> Result<Value, StoreError> {
    Ok(Value::Text(serde_json::to_string(labels).map_err(StoreError::refused)?))
}
