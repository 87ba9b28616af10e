//! How much of its processors a sandbox uses, over a window of about five seconds.
//!
//! Nobody is watched who is not asked about: the first question starts a window, questions keep it going, and
//! a minute without one ends it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use paddock_types::SandboxId;
use tokio::time::{Instant, interval};

use crate::{Context, blocking};

/// The length of a window.
const WINDOW: Duration = Duration::from_secs(5);
/// After so many windows in which nobody asked, the watch ends.
const PATIENCE: u32 = 12;

/// The windows of all sandboxes that are asked about.
#[derive(Debug, Default)]
pub(crate) struct Meters(Mutex<HashMap<SandboxId, Meter>>);

#[derive(Debug, Default)]
struct Meter {
    /// Processors in use on average in the last whole window: 1.5 is one and a half.
    processors: f64,
    unasked: u32,
}

/// Processors in use on average in the last whole window; 0 before there was one.
pub(crate) fn processors(context: &Arc<Context>, id: SandboxId, cpu_time: Duration) -> f64 {
    let mut meters = context.meters.lock();
    if let Some(meter) = meters.get_mut(&id) {
        meter.unasked = 0;
        return meter.processors;
    }
    meters.insert(id, Meter::default());
    drop(meters);
    tokio::spawn(watch(Arc::clone(context), id, cpu_time));
    0.0
}

/// Measures one window after another until nobody asks any more or the sandbox is gone.
async fn watch(context: Arc<Context>, id: SandboxId, mut before: Duration) {
    let mut since = Instant::now();
    let mut windows = interval(WINDOW);
    windows.tick().await;
    loop {
        windows.tick().await;
        let asked = Arc::clone(&context);
        let found = blocking(move || asked.drivers.runtime.consumption(id)).await;
        let mut meters = context.meters.lock();
        let (Ok(found), Some(meter)) = (found, meters.get_mut(&id)) else {
            meters.remove(&id);
            return;
        };
        meter.unasked += 1;
        if meter.unasked > PATIENCE {
            meters.remove(&id);
            return;
        }
        // A sandbox that was started anew counts from zero again.
        meter.processors =
            found.cpu_time.saturating_sub(before).as_secs_f64() / since.elapsed().as_secs_f64();
        (before, since) = (found.cpu_time, Instant::now());
    }
}

impl Meters {
    fn lock(&self) -> MutexGuard<'_, HashMap<SandboxId, Meter>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
