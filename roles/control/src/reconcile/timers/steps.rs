//! Notices that the wall clock was set, and moves every timer along.
//!
//! The time since the host's start is not set by anybody. While a host runs, the wall clock minus that time stays the
//! same but for a slow drift; a jump of the difference is a clock that was set. The difference is kept in the store with
//! the boot that it holds for, so that a jump is noticed also if control was away. Across a start of the host nothing
//! can be told, and the wall clock is believed.

use std::time::Duration;

use paddock_store::StoreError;

use crate::app::App;
use crate::clock;

/// A smaller change of the difference is drift.
const SMALLEST_STEP: Duration = Duration::from_secs(2);

/// Looks at the clock once.
pub(super) async fn heed(app: &App) -> Result<(), StoreError> {
    let Some(boot) = clock::boot() else { return Ok(()) };
    let now = clock::offset_millis();
    let name = format!("clock {boot}");
    let Some(known) = app.store.load_note(name.clone()).await? else {
        return app.store.keep_note(name, now).await;
    };
    let step = now - known;
    if step.unsigned_abs() < SMALLEST_STEP.as_millis() as u64 {
        return Ok(());
    }
    tracing::warn!(step_ms = step, "the clock was set; timers are moved along");
    // Both at once, or a crash in between would move them twice.
    app.store.shift_timers(step, name, now).await?;
    app.activity.shift(step);
    Ok(())
}
