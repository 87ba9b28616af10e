//! When something is to happen to a sandbox by itself.

use paddock_types::{AutoArchive, AutoDelete, AutoPause, AutoStop, SandboxId, Timestamp};

use super::read::by_id;
use super::record::SandboxRecord;
use crate::value::Value;
use crate::{Store, StoreError, constants};

constants! {
    // The second bound is the partial index's own, so that it is used.
    DUE = "SELECT id FROM sandbox WHERE due_at <= $1 AND due_at < 9223372036854775807 ORDER BY due_at LIMIT $2";
    SET_TIMERS = "UPDATE sandbox SET auto_stop = COALESCE($2, auto_stop), auto_pause = COALESCE($3, auto_pause), \
                  auto_archive = COALESCE($4, auto_archive), auto_delete = COALESCE($5, auto_delete), \
                  updated_at = $6, version = version + 1 WHERE id = $1 AND desired <> 'destroyed'";
    SET_END = "UPDATE sandbox SET auto_destroy_at = $2, updated_at = $3, version = version + 1 WHERE id = $1 AND desired <> 'destroyed'";
    SHIFT = "UPDATE sandbox SET last_activity_at = last_activity_at + $1, auto_destroy_at = auto_destroy_at + $1 \
             WHERE destroyed_at IS NULL";
}

/// A change of a sandbox's timers. `None` leaves one as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timers {
    /// When it is stopped for idleness.
    pub auto_stop: Option<AutoStop>,
    /// When it is paused for idleness.
    pub auto_pause: Option<AutoPause>,
    /// When it is archived.
    pub auto_archive: Option<AutoArchive>,
    /// When it is deleted.
    pub auto_delete: Option<AutoDelete>,
}

impl Store {
    /// At most `limit` sandboxes of which a timer is due at `now`, the longest overdue first.
    pub async fn list_due(&self, now: Timestamp, limit: u32) -> Result<Vec<SandboxId>, StoreError> {
        self.read_scan(move |conn| {
            Box::pin(async move {
                let rows = conn.query(DUE, &[now.into(), limit.into()]).await?;
                rows.into_iter().map(|mut row| row.parse("id")).collect()
            })
        })
        .await
    }

    /// Changes timers; the last writer wins. Whoever is about to act on the old ones finds the record changed. Gives back
    /// the record, `None` if it is gone or going.
    pub async fn set_timers(
        &self,
        id: SandboxId,
        timers: Timers,
        now: Timestamp,
    ) -> Result<Option<SandboxRecord>, StoreError> {
        let values = vec![
            Value::spelled(id),
            timers.auto_stop.map(AutoStop::to_wire).into(),
            timers.auto_pause.map(AutoPause::to_wire).into(),
            timers.auto_archive.map(AutoArchive::to_wire).into(),
            timers.auto_delete.map(AutoDelete::to_wire).into(),
            now.into(),
        ];
        self.change_and_load(id, SET_TIMERS, values).await
    }

    /// Says when a sandbox is destroyed whatever its state; `None` is never. Gives back the record, `None` if it is
    /// gone or going.
    pub async fn set_auto_destroy_at(
        &self,
        id: SandboxId,
        end: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Option<SandboxRecord>, StoreError> {
        self.change_and_load(id, SET_END, vec![Value::spelled(id), end.into(), now.into()]).await
    }

    /// Moves every timer by `milliseconds`, and keeps a note of it: the clock was set, and idleness is no longer or
    /// shorter for it.
    pub async fn shift_timers(&self, milliseconds: i64, note: String, value: i64) -> Result<(), StoreError> {
        self.write(move |conn| {
            let note = note.clone();
            Box::pin(async move {
                conn.execute(SHIFT, &[milliseconds.into()]).await?;
                crate::meta::set(conn, note, value).await
            })
        })
        .await
    }

    /// Runs a statement about one sandbox, and gives it back if it was changed.
    pub(super) async fn change_and_load(
        &self,
        id: SandboxId,
        statement: &'static str,
        values: Vec<Value>,
    ) -> Result<Option<SandboxRecord>, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                if conn.execute(statement, &values).await? == 0 {
                    return Ok(None);
                }
                by_id(conn, id).await
            })
        })
        .await
    }
}
