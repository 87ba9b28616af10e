//! Finds the task of an id, and decides which wishes are let in.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use paddock_types::{Generation, SandboxId};
use paddock_wire_runner::{Observation, Observed, Wish};
use tokio::sync::watch;

use super::task::Task;
use crate::{Context, blocking};

/// All tasks. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Registry {
    context: Arc<Context>,
    tasks: Arc<Mutex<HashMap<SandboxId, watch::Sender<Wish>>>>,
}

/// Why a wish was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// A newer one is known.
    Older {
        /// The newest generation that was accepted.
        known: Generation,
    },
}

impl Registry {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self { context, tasks: Arc::default() }
    }

    /// Takes over every sandbox of the journal.
    pub(crate) async fn adopt(&self) -> io::Result<()> {
        let context = Arc::clone(&self.context);
        let entries = blocking(move || context.journal.load()).await?;
        let count = entries.len();
        let mut adopting = tokio::task::JoinSet::new();
        for (id, entry) in entries {
            let (sender, receiver) = watch::channel(entry.wish.clone());
            self.tasks().insert(id, sender);
            adopting.spawn(Task::adopt(Arc::clone(&self.context), id, entry, receiver));
        }
        // All are looked at before any acts, so that the reaper knows what is whose.
        for task in adopting.join_all().await {
            self.spawn(task);
        }
        tracing::info!(count, "took over the sandboxes of the journal");
        Ok(())
    }

    /// Lets a wish in. Equal or repeated ones change nothing. Answers what is so now.
    pub(crate) fn wish(&self, id: SandboxId, wish: Wish) -> Result<Observation, Refused> {
        let mut tasks = self.tasks();
        if let Some(sender) = tasks.get(&id) {
            let mut refused = None;
            sender.send_if_modified(|known| {
                if wish.generation < known.generation {
                    refused = Some(Refused::Older { known: known.generation });
                }
                let newer = wish.generation > known.generation;
                if newer {
                    known.clone_from(&wish);
                }
                newer
            });
            return refused.map_or_else(|| Ok(self.observe(id, &wish)), Err);
        }
        if super::task::is_about_nothing(&wish) && self.context.hub.get(id).is_none() {
            // Never made here, and not wanted: that is so already.
            let absent = self.observe(id, &wish);
            drop(tasks);
            Task::farewell(&self.context, &wish, id);
            return Ok(absent);
        }
        let (sender, receiver) = watch::channel(wish.clone());
        tasks.insert(id, sender);
        drop(tasks);
        let answer = self.observe(id, &wish);
        // That nothing of it is left is said once that is so: something may be in the object store.
        let is_removal = wish.desired.is_gone() && answer.state == Observed::Absent;
        let answer = if is_removal { Observation { state: Observed::Removing, ..answer } } else { answer };
        let fresh = Task::fresh(Arc::clone(&self.context), id, receiver);
        let registry = self.clone();
        tokio::spawn(async move { registry.spawn(fresh.await) });
        Ok(answer)
    }

    /// Whether a task owns this id.
    pub(crate) fn knows(&self, id: SandboxId) -> bool {
        self.tasks().contains_key(&id)
    }

    /// Every id that a task owns.
    pub(crate) fn ids(&self) -> BTreeSet<SandboxId> {
        self.tasks().keys().copied().collect()
    }

    fn observe(&self, id: SandboxId, wish: &Wish) -> Observation {
        self.context.hub.get(id).unwrap_or(Observation {
            id,
            generation: Some(wish.generation),
            state: Observed::Absent,
            reason: None,
            curable: false,
            daemon_version: None,
            task: None,
        })
    }

    fn spawn(&self, task: Task) {
        let registry = self.clone();
        tokio::spawn(async move {
            let id = task.id();
            let fulfilled = task.run().await;
            let wish = {
                // Nobody may find the task gone and begin anew before its last word is said.
                let mut tasks = registry.tasks();
                let Some(sender) = tasks.remove(&id) else { return };
                let wish = sender.borrow().clone();
                Task::farewell(&registry.context, &fulfilled, id);
                wish
            };
            // A wish that came in when the task had already decided to end is a wish for a new one; also one for a
            // removal that goes further than the one that was made.
            if wish.generation > fulfilled.generation
                && let Err(refused) = registry.wish(id, wish)
            {
                tracing::debug!(sandbox.id = %id, ?refused, "a late wish was overtaken");
            }
        });
    }

    fn tasks(&self) -> MutexGuard<'_, HashMap<SandboxId, watch::Sender<Wish>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
