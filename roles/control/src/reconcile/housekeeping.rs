//! Writes activity down, and forgets what is long gone.

use std::time::Duration;

use paddock_types::Timestamp;
use tokio::time::{MissedTickBehavior, interval};

use crate::app::App;
use crate::app::error::chain;
use crate::clock;

/// How often old records are looked for.
const PURGE_PERIOD: Duration = Duration::from_secs(600);
/// How long the record of a destroyed sandbox is kept (`spec/control-plane.md` D.4).
const KEPT_AFTER_DESTRUCTION: i64 = 24 * 3600 * 1000;

/// Writes activity down now. What cannot be written is kept for the next time.
pub(super) async fn flush_once(app: &App) {
    if let Err(error) = app.activity.flush(&app.store).await {
        tracing::warn!(error = chain(&error), "activity could not be written down");
    }
}

/// Forgets sandboxes and volumes that went a day ago.
pub(super) async fn purge(app: App) {
    let mut ticks = interval(PURGE_PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let before = Timestamp(clock::now().0 - KEPT_AFTER_DESTRUCTION);
        match app.store.purge_destroyed(before).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "forgot destroyed sandboxes"),
            Err(error) => tracing::warn!(error = chain(&error), "old records could not be removed"),
        }
        match app.store.purge_deleted_volumes(before).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "forgot deleted volumes"),
            Err(error) => tracing::warn!(error = chain(&error), "old records could not be removed"),
        }
    }
}
