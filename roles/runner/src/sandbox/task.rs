//! The task that owns one sandbox: the only place that changes anything of it on this host.

use std::sync::Arc;
use std::time::Duration;

use paddock_types::SandboxId;
use paddock_wire_runner::{Desired, Existence, Observation, Observed, Wish};
use tokio::sync::watch;
use tracing::Instrument;

use super::end::Watched;
use super::launch;
use super::state::{self, Act, Past, Place};
use crate::journal::{Entry, Running};
use crate::roots::State as RootState;
use crate::{Context, blocking, chain};

/// How long after a removal failed it is tried again.
const REMOVAL_RETRY: Duration = Duration::from_secs(3);

/// How long after a look that told nothing the next is taken.
const LOOK_RETRY: Duration = Duration::from_millis(500);

/// One sandbox, as its task knows it.
pub(super) struct Task {
    context: Arc<Context>,
    id: SandboxId,
    wishes: watch::Receiver<Wish>,
    entry: Entry,
    place: Place,
    watched: Option<Watched>,
    past: Past,
    reason: Option<String>,
    /// The present wish is in the journal.
    written: bool,
}

/// Why the task woke up, or stopped.
enum Step {
    /// Something may have changed: decide again.
    Again,
    /// Nothing of the sandbox is left.
    Gone,
}

impl Task {
    /// A sandbox that the journal does not know. Its files may be here all the same (the journal was lost).
    pub(super) async fn fresh(context: Arc<Context>, id: SandboxId, wishes: watch::Receiver<Wish>) -> Self {
        let wish = wishes.borrow().clone();
        // Files of unknown origin may hold a guest's links, so nothing is written into them any more.
        let known = Arc::clone(&context);
        let found = blocking(move || known.drivers.storage.find_volume(id)).await;
        let seeded = !matches!(found, Ok(None));
        let entry = Entry { wish, reached: None, seeded, running: None };
        let past = Past { reached: None, failed: None };
        let place = if seeded { Place::Stopped } else { Place::Absent };
        Self { context, id, wishes, entry, place, watched: None, past, reason: None, written: false }
    }

    /// Which sandbox.
    pub(super) fn id(&self) -> SandboxId {
        self.id
    }

    /// A sandbox of the journal: finds out what is left of it.
    pub(super) async fn adopt(
        context: Arc<Context>,
        id: SandboxId,
        entry: Entry,
        wishes: watch::Receiver<Wish>,
    ) -> Self {
        let past = Past { reached: entry.reached, failed: None };
        let mut task = Self {
            context,
            id,
            wishes,
            entry,
            place: Place::Absent,
            watched: None,
            past,
            reason: None,
            written: false,
        };
        task.look_around().await;
        task.announce();
        task
    }

    /// Says what is known before anybody asks: who listens takes a sandbox that is not named for an absent one.
    fn announce(&self) {
        let observed = match self.next_act() {
            Act::Rest if self.place == Place::Running => Observed::Started,
            Act::Rest if self.place == Place::Stopped => Observed::Stopped,
            Act::Rest | Act::Launch | Act::Make | Act::Lose => Observed::Starting,
            Act::End | Act::Kill => Observed::Stopping,
            Act::Remove => Observed::Removing,
        };
        self.report(observed);
    }

    fn next_act(&self) -> Act {
        let wish = &self.entry.wish;
        state::next(self.place, wish.desired, wish.existence, wish.generation, self.past)
    }

    /// Sets `place` to what is on the host; what is half there becomes nothing.
    async fn look_around(&mut self) {
        if let Some(watched) = self.find_running().await {
            self.watched = Some(watched);
            self.place = Place::Running;
            self.past.reached = Some(self.entry.wish.generation);
            return;
        }
        if let Some(running) = &self.entry.running
            && self.entry.reached == Some(self.entry.wish.generation)
        {
            self.reason = Some(if running.boot == self.context.journal.boot {
                "the sandbox ended while its runner was away".to_owned()
            } else {
                "the host was restarted".to_owned()
            });
        }
        // What fails here is tried again before anything else is done with the sandbox.
        let _ = self.clean_up().await;
        let (context, id) = (Arc::clone(&self.context), self.id);
        let volume =
            blocking(move || context.drivers.storage.list_volumes().map(|ids| ids.contains(&id))).await;
        // A volume that cannot be looked at is not taken for an absent one.
        self.place = if volume.unwrap_or(true) { Place::Stopped } else { Place::Absent };
        if self.place == Place::Stopped && !self.entry.seeded && self.entry.reached.is_none() {
            // Half made and never run: a launch makes it whole.
            self.place = Place::Absent;
        }
    }

    /// The first process of the journal, if it runs. Looks until it can tell: a sandbox that could not be looked at must
    /// not be taken for one that ended, and be ended.
    async fn find_running(&self) -> Option<Watched> {
        let running =
            self.entry.running.as_ref().filter(|running| running.boot == self.context.journal.boot)?;
        loop {
            match running.process().open().and_then(|pidfd| pidfd.map(Watched::new).transpose()) {
                Ok(found) => return found,
                Err(error) => tracing::warn!(sandbox.id = %self.id, %error, "cannot tell whether it runs"),
            }
            tokio::time::sleep(LOOK_RETRY).await;
        }
    }

    /// Owns the sandbox until nothing of it is left.
    pub(super) async fn run(mut self) {
        loop {
            self.take_wish().await;
            let act = self.next_act();
            tracing::debug!(sandbox.id = %self.id, ?act, place = ?self.place, "decided");
            let step = match act {
                Act::Rest => self.rest().await,
                Act::Launch => self.launch().await,
                Act::Make => self.make().await,
                Act::End => self.end(false).await,
                Act::Kill => self.end(true).await,
                Act::Remove => self.remove().await,
                Act::Lose => {
                    self.fail("its files are not on this host any more".to_owned());
                    Step::Again
                }
            };
            if matches!(step, Step::Gone) {
                return;
            }
        }
    }

    /// Makes the newest wish the present one, and writes it down before anything is done for it.
    async fn take_wish(&mut self) {
        let wish = self.wishes.borrow_and_update().clone();
        if self.written && wish == self.entry.wish {
            return;
        }
        if wish.generation != self.entry.wish.generation {
            self.reason = None;
        }
        self.entry.wish = wish;
        self.written = true;
        // Nothing is made that is not written down; removal needs no more than what is known already.
        if let Err(reason) = self.write_journal().await
            && self.entry.wish.desired != Desired::Absent
        {
            self.fail(reason);
        }
    }

    /// Says what is so, then waits for a wish or for the sandbox to end by itself.
    async fn rest(&mut self) -> Step {
        let observed = match self.place {
            _ if self.past.failed == Some(self.entry.wish.generation) => Observed::Failed,
            Place::Running => Observed::Started,
            Place::Stopped => Observed::Stopped,
            Place::Absent => Observed::Absent,
        };
        if observed == Observed::Started {
            // It runs for the present wish too: should it end by itself, it is not started anew.
            self.past.reached = Some(self.entry.wish.generation);
        }
        self.report(observed);
        match &self.watched {
            None => drop(self.wishes.changed().await),
            Some(watched) => {
                tokio::select! {
                    changed = self.wishes.changed() => drop(changed),
                    () = watched.ended() => self.ended_by_itself().await,
                }
            }
        }
        Step::Again
    }

    async fn ended_by_itself(&mut self) {
        let kills = self.context.drivers.runtime.accidents(self.id).memory_kills;
        self.reason = Some(if kills > 0 {
            "the sandbox ended; processes of it had been killed for want of memory".to_owned()
        } else {
            "the sandbox ended: its first process was ended from inside".to_owned()
        });
        self.watched = None;
        self.place = Place::Stopped;
        // What fails here is tried again before the next start or removal.
        let _ = self.clean_up().await;
        let _ = self.write_journal().await;
    }

    async fn launch(&mut self) -> Step {
        self.reason = None;
        let Some(layers) = self.wait_for_root().await else { return Step::Again };
        if self.entry.running.is_some()
            && let Err(reason) = self.clean_up().await
        {
            self.fail(reason);
            return Step::Again;
        }
        self.report(if self.place == Place::Absent { Observed::Creating } else { Observed::Starting });
        let (context, id, mut entry) = (Arc::clone(&self.context), self.id, self.entry.clone());
        let shared = Arc::clone(&context);
        let waiting = tracing::debug_span!("turn", sandbox.id = %id);
        let Ok(turn) = shared.launches.acquire().instrument(waiting).await else { return Step::Gone };
        let (entry, launched) = blocking(move || {
            let span = tracing::debug_span!("launch", sandbox.id = %id);
            let launched = span.in_scope(|| launch::launch(&context, id, &mut entry, &layers));
            (entry, launched)
        })
        .await;
        drop(turn);
        self.entry = entry;
        match launched {
            Ok(running) => self.launched(running).await,
            Err(error) => {
                let _ = self.clean_up().await;
                self.place = if self.entry.seeded { Place::Stopped } else { Place::Absent };
                self.fail(chain(&error));
            }
        }
        Step::Again
    }

    async fn launched(&mut self, running: Running) {
        let opened = running.process().open().and_then(|pidfd| pidfd.map(Watched::new).transpose());
        self.past = Past { reached: Some(self.entry.wish.generation), failed: None };
        self.entry.reached = self.past.reached;
        self.entry.running = Some(running);
        match opened {
            Ok(Some(watched)) => {
                self.watched = Some(watched);
                self.place = Place::Running;
            }
            Ok(None) | Err(_) => return self.ended_by_itself().await,
        }
        // One that is not written down would be taken for a leftover by the next runner, and ended: better not to have it.
        if let Err(reason) = self.write_journal().await {
            self.watched = None;
            self.place = Place::Stopped;
            let _ = self.clean_up().await;
            self.fail(reason);
        }
    }

    /// The layers of its root, or `None` when the wish changed or the root cannot be had.
    async fn wait_for_root(&mut self) -> Option<Vec<std::path::PathBuf>> {
        let mut root = self.context.roots.watch(self.entry.wish.spec.root);
        loop {
            match &*root.borrow_and_update() {
                RootState::Ready(ready) => return Some(ready.layers.clone()),
                RootState::Preparing => self.report(Observed::WaitingForRoot),
                RootState::Failed(reason) => {
                    let reason = format!("its root file system could not be made: {reason}");
                    self.fail(reason);
                    return None;
                }
            }
            tokio::select! {
                changed = root.changed() => changed.ok()?,
                changed = self.wishes.changed() => {
                    changed.ok()?;
                    return None;
                }
            }
        }
    }

    async fn make(&mut self) -> Step {
        self.report(Observed::Creating);
        let (context, id, mut entry) = (Arc::clone(&self.context), self.id, self.entry.clone());
        let (entry, made) = blocking(move || {
            let made = launch::make_files(&context, id, &mut entry);
            (entry, made)
        })
        .await;
        self.entry = entry;
        match made {
            Ok(_) => self.place = Place::Stopped,
            Err(error) => self.fail(chain(&error)),
        }
        Step::Again
    }

    async fn end(&mut self, at_once: bool) -> Step {
        self.report(if self.entry.wish.desired == Desired::Absent {
            Observed::Removing
        } else {
            Observed::Stopping
        });
        if let Err(error) = paddock_failpoint::hit("runner.end.before_signal") {
            self.fail(error.to_string());
            return Step::Again;
        }
        let ended = match (&self.watched, at_once) {
            (Some(watched), false) => watched.end(&mut self.wishes).await,
            (Some(watched), true) => watched.kill().await,
            (None, _) => Ok(()),
        };
        let ended = ended
            .and_then(|()| paddock_failpoint::hit("runner.end.after_signal").map_err(std::io::Error::other));
        if let Err(error) = ended {
            self.fail(format!("could not stop it: {error}"));
            if self.entry.wish.desired == Desired::Absent {
                tokio::time::sleep(REMOVAL_RETRY).await;
            }
            return Step::Again;
        }
        self.watched = None;
        self.place = Place::Stopped;
        // What fails here is tried again before the next start or removal.
        let _ = self.clean_up().await;
        let _ = self.write_journal().await;
        Step::Again
    }

    async fn remove(&mut self) -> Step {
        self.report(Observed::Removing);
        // Files of a sandbox of which anything may still run are not removed.
        let cleaned = self.clean_up().await;
        let (context, id) = (Arc::clone(&self.context), self.id);
        let removed = blocking(move || {
            cleaned?;
            paddock_failpoint::hit("runner.remove.before_volume").map_err(|error| chain(&error))?;
            context.drivers.storage.delete_volume(id).map_err(|error| chain(&error))?;
            paddock_failpoint::hit("runner.remove.after_volume").map_err(|error| chain(&error))?;
            context.journal.remove(id).map_err(|error| format!("could not forget it: {error}"))
        })
        .await;
        match removed {
            Ok(()) => {
                self.reason = None;
                Step::Gone
            }
            Err(reason) => {
                tracing::warn!(sandbox.id = %self.id, reason, "could not remove a sandbox");
                self.reason = Some(reason);
                self.report(Observed::Failed);
                tokio::time::sleep(REMOVAL_RETRY).await;
                Step::Again
            }
        }
    }

    /// The last word of a task whose sandbox is gone. Said by the registry, once nobody can find the task.
    pub(super) fn farewell(context: &Context, wish: &Wish, id: SandboxId) {
        context.hub.report(Observation {
            id,
            generation: Some(wish.generation),
            state: Observed::Absent,
            reason: None,
            daemon_version: None,
        });
    }

    /// Removes what the runtime keeps of it and gives back what it held. What could not be given back stays noted.
    async fn clean_up(&mut self) -> Result<(), String> {
        let (context, id, running) = (Arc::clone(&self.context), self.id, self.entry.running.clone());
        let cleaned = blocking(move || launch::clean_up(&context, id, running.as_ref())).await;
        match cleaned {
            Ok(()) => {
                self.entry.running = None;
                Ok(())
            }
            Err(error) => {
                let reason = chain(&error);
                tracing::warn!(sandbox.id = %self.id, reason, "could not clean up");
                Err(reason)
            }
        }
    }

    async fn write_journal(&self) -> Result<(), String> {
        let (context, id, entry) = (Arc::clone(&self.context), self.id, self.entry.clone());
        let span = tracing::debug_span!("journal", sandbox.id = %id);
        let written = blocking(move || span.in_scope(|| context.journal.write(id, &entry))).await;
        written.map_err(|error| {
            tracing::error!(sandbox.id = %self.id, %error, "could not write the journal");
            format!("could not write the runner's journal: {error}")
        })
    }

    fn fail(&mut self, reason: String) {
        tracing::warn!(sandbox.id = %self.id, reason, "a wish could not be fulfilled");
        self.past.failed = Some(self.entry.wish.generation);
        self.reason = Some(reason);
    }

    fn report(&self, state: Observed) {
        let version = self.entry.running.as_ref().map(|running| running.version.clone());
        self.context.hub.report(Observation {
            id: self.id,
            generation: Some(self.entry.wish.generation),
            state,
            reason: self.reason.clone(),
            daemon_version: version.filter(|_| state == Observed::Started),
        });
    }
}

/// Whether a wish for a sandbox that nothing is known of needs a task at all.
pub(super) fn is_about_nothing(wish: &Wish) -> bool {
    wish.desired == Desired::Absent && wish.existence == Existence::Create
}
