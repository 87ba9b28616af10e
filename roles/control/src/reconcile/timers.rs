//! Repairs: a sandbox whose time has come.
//!
//! Uses are written down first, so that what is idle by the store is idle. Times are the wall clock's, since they
//! have to outlive restarts; a clock that is set moves all of them along (see [`steps`]).

mod steps;

use std::time::Duration;

use futures_util::StreamExt;
use paddock_planner::timer::{Timers, due};
use paddock_store::SandboxRecord;
use paddock_types::{AutoDelete, AutoPause, AutoStop, Minutes, SandboxId, Timestamp};
use tokio::time::{MissedTickBehavior, interval};

use super::housekeeping;
use crate::app::error::chain;
use crate::app::sandbox::{change, retention};
use crate::app::{App, Error};
use crate::clock;

/// The most sandboxes of one scan.
const MOST_DUE: u32 = 10_000;
/// How many are acted on at once: their writes share commits.
const AT_ONCE: usize = 64;

/// Writes activity down and acts on what is due, again and again.
pub(super) async fn watch(app: App) {
    let mut ticks = interval(app.config.timer_period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = steps::heed(&app).await {
            tracing::warn!(error = chain(&error), "whether the clock was set is not known");
        }
        housekeeping::flush_once(&app).await;
        match app.store.list_due(clock::now(), MOST_DUE).await {
            Ok(ids) => {
                futures_util::stream::iter(ids).for_each_concurrent(AT_ONCE, |id| act(&app, id)).await;
            }
            Err(error) => tracing::warn!(error = chain(&error), "what is due could not be loaded"),
        }
    }
}

/// Does what is due for one sandbox. What is refused or fails is still due at the next scan.
async fn act(app: &App, id: SandboxId) {
    let Ok(Some(record)) = app.store.load_sandbox(id).await else { return };
    let due = |record: &SandboxRecord| due(&timers(record, app.activity.of_sandbox(id), clock::now()));
    let Some(call) = due(&record) else { return };
    let outcome = change::by_timer(app, record, call, |record| due(record) == Some(call)).await;
    match outcome {
        Ok(_) => tracing::info!(sandbox.id = %id, ?call, "a timer has ended"),
        // It was used, or changed, meanwhile; or it has live forks.
        Err(Error::Conflict(reason) | Error::Invalid(reason) | Error::NotFound(reason)) => {
            tracing::debug!(sandbox.id = %id, ?call, reason, "a timer has ended in vain");
        }
        Err(error) => {
            tracing::warn!(sandbox.id = %id, ?call, ?error, "a timer has ended and nothing was done")
        }
    }
}

fn timers(record: &SandboxRecord, last_use: Option<Timestamp>, now: Timestamp) -> Timers {
    let last_use = last_use.map_or(record.last_activity_at, |at| at.max(record.last_activity_at));
    let idle = u64::try_from(now.0.saturating_sub(last_use.0)).unwrap_or_default();
    let limit = |minutes: Minutes| Duration::from_secs(u64::from(minutes.0) * 60);
    Timers {
        state: record.status.state,
        retention: retention(record),
        idle: Duration::from_millis(idle),
        is_expired: record.auto_destroy_at.is_some_and(|end| end <= now),
        auto_stop: match record.auto_stop {
            AutoStop::Disabled => None,
            AutoStop::After(minutes) => Some(limit(minutes)),
        },
        auto_pause: match record.auto_pause {
            AutoPause::Disabled => None,
            AutoPause::After(minutes) => Some(limit(minutes)),
        },
        auto_archive: Some(limit(record.auto_archive.after())),
        auto_delete: match record.auto_delete {
            AutoDelete::Never | AutoDelete::OnStop => None,
            AutoDelete::After(minutes) => Some(limit(minutes)),
        },
    }
}
