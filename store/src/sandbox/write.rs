//! Changes to sandboxes.

use std::collections::BTreeMap;

use paddock_types::{ApiKeyId, SandboxId, SnapshotId, Timestamp, VolumeId};

use super::read::by_id;
use super::record::{SandboxRecord, SandboxStatus, columns, json};
use super::{link, mount};
use crate::engine::Conn;
use crate::value::{Value, unsigned};
use crate::{Store, StoreError, api_key, constants, layer, snapshot};

constants! {
    INSERT = "INSERT INTO sandbox (id, organization_id, name, name_folded, snapshot_name, root, os_user, env, labels, \
              public, network_block_all, region, auto_stop, auto_pause, auto_archive, auto_delete, \
              auto_destroy_at, parent_id, created_at, last_activity_at, desired, forced, generation_epoch, \
              generation_number, state, settled, existed, error_reason, recoverable, daemon_version, runner_id, \
              auth_token, updated_at, destroyed_at, cpu, memory, disk, returns_to, task, archive, backup_state, \
              backup_created_at, resized_from, awaits_parent, volumes, live_name, warm_pool_id, linked_to, linked_name, \
              image, build, scratch, version) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, \
              $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, \
              $42, $43, $44, $45, $46, $47, $48, $49, $50, $51, $52, 1) ON CONFLICT DO NOTHING";
    // A sandbox that should be gone gives its name back at once.
    // Only a move from state to state counts as activity: not what happens in the background.
    UPDATE_STATUS = concat!("UPDATE sandbox SET desired = $3, forced = $4, generation_epoch = $5, generation_number = $6, state = $7, settled = $8, \
                     existed = $9, error_reason = $10, recoverable = $11, daemon_version = $12, runner_id = $13, \
                     auth_token = $14, updated_at = $15, destroyed_at = $16, cpu = $17, memory = $18, disk = $19, \
                     returns_to = $20, task = $21, archive = $22, backup_state = $23, backup_created_at = $24, \
                     resized_from = $25, awaits_parent = $26, version = version + 1, \
                     live_name = CASE WHEN $3 = 'destroyed' THEN NULL ELSE live_name END, \
                     last_activity_at = CASE WHEN state <> $7 AND last_activity_at < $15 THEN $15 ELSE last_activity_at END \
                     WHERE id = $1 AND version = $2 RETURNING ", columns!());
    SET_LABELS = "UPDATE sandbox SET labels = $2, updated_at = $3 WHERE id = $1 AND state <> 'destroyed'";
    SET_PUBLIC = "UPDATE sandbox SET public = $2, updated_at = $3 WHERE id = $1 AND desired <> 'destroyed'";
    CLEAR_LABELS = "DELETE FROM sandbox_label WHERE sandbox_id = $1";
    INSERT_LABEL = "INSERT INTO sandbox_label (sandbox_id, organization_id, name, value) VALUES ($1, $2, $3, $4)";
    TOUCH = "UPDATE sandbox SET last_activity_at = $2 WHERE id = $1 AND last_activity_at < $2";
    PURGE = "DELETE FROM sandbox WHERE destroyed_at IS NOT NULL AND destroyed_at < $1";
}

/// What became of an insertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsertOutcome {
    /// It is on record.
    Done,
    /// Its organization has a live sandbox of that name; nothing was written.
    NameTaken,
    /// A layer of its root file system is being removed; nothing was written.
    RootGone,
    /// What it is to be linked with is not started or stopped any more, or is linked itself; nothing was written.
    TargetGone,
    /// As many as are allowed are linked with its target; nothing was written.
    TooManyLinked,
    /// This volume is not ready any more; nothing was written.
    VolumeNotReady(VolumeId),
}

impl Store {
    /// Adds a sandbox, if its name is free, no layer of its root file system is being removed, the volumes that it mounts are
    /// ready and its organization's, and what it is linked with is started or stopped and is linked with less than
    /// [`MOST_LINKED`](super::MOST_LINKED).
    pub async fn insert_sandbox(&self, sandbox: SandboxRecord) -> Result<InsertOutcome, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                if !layer::hold(conn, &sandbox.root).await? {
                    return Ok(InsertOutcome::RootGone);
                }
                if let Some(link) = &sandbox.link
                    && let Some(obstacle) = link::hold(conn, link.target).await?
                {
                    return Ok(obstacle);
                }
                if let Some(obstacle) = mount::hold(conn, &sandbox).await? {
                    return Ok(obstacle);
                }
                let is_new = insert(conn, &sandbox).await?;
                Ok(if is_new { InsertOutcome::Done } else { InsertOutcome::NameTaken })
            })
        })
        .await
    }

    /// Replaces the status of a sandbox if its version is still `version`, and counts as activity.
    /// Gives back the record as it then is, `None` if it was not replaced. When the wish is that it be gone,
    /// its name is free from here on.
    pub async fn update_sandbox_status(
        &self,
        id: SandboxId,
        version: u64,
        status: SandboxStatus,
    ) -> Result<Option<SandboxRecord>, StoreError> {
        self.write(move |conn| Box::pin(async move { update_status(conn, id, version, &status).await })).await
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

    /// Says whether a sandbox's previews need no credential. Gives back the record, `None` if it is gone or going.
    pub async fn set_public(
        &self,
        id: SandboxId,
        public: bool,
        now: Timestamp,
    ) -> Result<Option<SandboxRecord>, StoreError> {
        self.change_and_load(id, SET_PUBLIC, vec![Value::spelled(id), public.into(), now.into()]).await
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

pub(super) async fn update_status(
    conn: &mut Conn,
    id: SandboxId,
    version: u64,
    status: &SandboxStatus,
) -> Result<Option<SandboxRecord>, StoreError> {
    let mut values = vec![Value::spelled(id), unsigned(version)];
    values.extend(status.values()?);
    conn.query_optional(UPDATE_STATUS, &values).await?.map(SandboxRecord::read).transpose()
}

pub(crate) async fn insert(conn: &mut Conn, sandbox: &SandboxRecord) -> Result<bool, StoreError> {
    if !insert_without_labels(conn, sandbox).await? {
        return Ok(false);
    }
    insert_labels(conn, sandbox).await?;
    Ok(true)
}

pub(super) async fn insert_without_labels(
    conn: &mut Conn,
    sandbox: &SandboxRecord,
) -> Result<bool, StoreError> {
    let env = serde_json::to_string(&sandbox.env).map_err(StoreError::refused)?;
    let mut values = vec![
        Value::spelled(sandbox.id),
        Value::spelled(sandbox.organization),
        sandbox.name.as_str().into(),
        sandbox.name.to_lowercase().into(),
        sandbox.snapshot_name.as_str().into(),
        Value::spelled(&sandbox.root),
        Value::spelled(&sandbox.user),
        env.into(),
        labels_json(&sandbox.labels)?,
        sandbox.public.into(),
        sandbox.network_block_all.into(),
        sandbox.region.as_str().into(),
        sandbox.auto_stop.to_wire().into(),
        sandbox.auto_pause.to_wire().into(),
        sandbox.auto_archive.to_wire().into(),
        sandbox.auto_delete.to_wire().into(),
        sandbox.auto_destroy_at.into(),
        sandbox.parent.map_or(Value::Null, Value::spelled),
        sandbox.created_at.into(),
        sandbox.last_activity_at.into(),
    ];
    values.extend(sandbox.status.values()?);
    values.push(serde_json::to_string(&sandbox.volumes).map_err(StoreError::refused)?.into());
    // What waits in a pool takes no name.
    let live_name = sandbox.warm_pool.is_none().then_some(sandbox.name.as_str());
    values.push(live_name.into());
    values.push(sandbox.warm_pool.map_or(Value::Null, Value::spelled));
    let link = sandbox.link.as_ref();
    values.push(link.map_or(Value::Null, |link| Value::spelled(link.target)));
    values.push(link.map(|link| link.target_name.as_str()).into());
    values.push(json(Some(&sandbox.image))?);
    values.push(json(sandbox.build.as_ref())?);
    values.push(json(Some(&sandbox.scratch))?);
    if conn.execute(INSERT, &values).await? == 0 {
        return Ok(false);
    }
    mount::insert(conn, sandbox).await?;
    Ok(true)
}

pub(super) async fn insert_labels(conn: &mut Conn, sandbox: &SandboxRecord) -> Result<(), StoreError> {
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

pub(super) fn labels_json(labels: &BTreeMap<String, String>) -> Result<Value, StoreError> {
    Ok(Value::Text(serde_json::to_string(labels).map_err(StoreError::refused)?))
}
