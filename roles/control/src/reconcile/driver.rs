//! Decides when to look at which sandbox: at once when somebody asks, and every second at all about
//! which something is left to be done.
//!
//! One task at a time looks at one sandbox; many look at many.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use paddock_types::SandboxId;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

use super::sandbox::{Reconciler, Rest};
use crate::app::App;

/// How often what is left to be done is looked at, though nobody asked.
const PERIOD: Duration = Duration::from_secs(1);
/// The most sandboxes that are looked at at once.
const MOST_AT_ONCE: usize = 64;
/// How many ids a walk over all sandboxes loads at a time.
const WALK_STEP: u32 = 1000;

/// Looks at sandboxes until the task is dropped.
pub(crate) async fn drive(app: App, reconciler: Arc<Reconciler>) {
    let mut driver = Driver::default();
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = app.queue.rings() => {}
            _ = ticks.tick() => driver.look_around(&app).await,
            Some(ended) = driver.tasks.join_next_with_id() => driver.ended(ended),
        }
        let waiting = app.queue.take();
        driver.due.extend(waiting.some);
        if waiting.all {
            driver.walk(&app).await;
        }
        driver.start_due(&reconciler);
    }
}

#[derive(Default)]
struct Driver {
    /// To be looked at as soon as there is room.
    due: HashSet<SandboxId>,
    /// Being looked at, by the task that does.
    running: HashMap<Id, SandboxId>,
    /// Not at rest, though their record may look so: to be looked at in the next period.
    restless: HashSet<SandboxId>,
    tasks: JoinSet<Rest>,
}

impl Driver {
    fn start_due(&mut self, reconciler: &Arc<Reconciler>) {
        let room = MOST_AT_ONCE.saturating_sub(self.running.len());
        let busy: HashSet<SandboxId> = self.running.values().copied().collect();
        let ready: Vec<SandboxId> = self.due.difference(&busy).take(room).copied().collect();
        for id in ready {
            self.due.remove(&id);
            let reconciler = Arc::clone(reconciler);
            let task = self.tasks.spawn(async move { reconciler.look(id).await });
            self.running.insert(task.id(), id);
        }
    }

    fn ended(&mut self, ended: Result<(Id, Rest), JoinError>) {
        let (task, rest) = match ended {
            Ok((task, rest)) => (task, rest),
            Err(error) => {
                tracing::error!(%error, "looking at a sandbox panicked; it is looked at again");
                (error.id(), Rest::Restless)
            }
        };
        if let Some(id) = self.running.remove(&task)
            && rest == Rest::Restless
        {
            self.restless.insert(id);
        }
    }

    /// What the records say is left to be done, and what was left restless.
    async fn look_around(&mut self, app: &App) {
        self.due.extend(self.restless.drain());
        match app.store.list_unsettled().await {
            Ok(unsettled) => self.due.extend(unsettled),
            Err(error) => {
                tracing::error!(
                    error = crate::app::error::chain(&error),
                    "could not load what is left to be done"
                );
            }
        }
    }

    /// Everything that exists, by record or by the runner's word.
    async fn walk(&mut self, app: &App) {
        self.due.extend(app.mirror.named());
        let mut last = None;
        loop {
            match app.store.list_live_after(last, WALK_STEP).await {
                Ok(ids) => {
                    last = ids.last().copied();
                    self.due.extend(ids);
                    if last.is_none() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::error!(error = crate::app::error::chain(&error), "could not load all sandboxes");
                    app.queue.wake_all();
                    return;
                }
            }
        }
    }
}
