//! The task that owns one sandbox: the only place that changes anything of it on this host.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use paddock_driver_network::Port;
use paddock_driver_runtime::Mount;
use paddock_types::{ObjectId, SandboxId, TaskKind};
use paddock_wire_runner::{Desired, Existence, Observation, Observed, TaskReport, TaskState, Wish};
use tokio::sync::watch;
use tracing::Instrument;

use super::end::Watched;
use super::launch;
use super::state::{self, Act, Past, Place, Wished};
use super::work::{self, Source, Work};
use crate::journal::{Entry, Running};
use crate::roots::{self, State as RootState};
use crate::{Context, blocking, chain, volumes};

/// How long after a removal failed it is tried again.
const REMOVAL_RETRY: Duration = Duration::from_secs(3);

/// How long the processes of a sandbox may take to stand still.
pub(super) const FREEZE_LIMIT: Duration = Duration::from_secs(2);

/// Why a sandbox that was here is not.
const GONE: &str = "its files are not on this host any more";

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
    /// Whether another try may cure what `reason` tells.
    curable: bool,
    /// The failure is that its files are gone.
    is_lost: bool,
    /// The present wish is in the journal.
    written: bool,
    work: Work,
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
        let entry =
            Entry { wish, reached: None, seeded, running: None, finished: None, archives: BTreeSet::new() };
        let place = if seeded { Place::Stopped } else { Place::Absent };
        Self::new(context, id, entry, wishes, place)
    }

    fn new(
        context: Arc<Context>,
        id: SandboxId,
        entry: Entry,
        wishes: watch::Receiver<Wish>,
        place: Place,
    ) -> Self {
        let past = Past { reached: entry.reached, failed: None, has_ended: false };
        Self {
            context,
            id,
            wishes,
            entry,
            place,
            watched: None,
            past,
            reason: None,
            curable: false,
            is_lost: false,
            written: false,
            work: Work::default(),
        }
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
        let mut entry = entry;
        let wished = entry.wish.spec.resources;
        // A runner of before did not note it: what it launched was what was wished.
        if let Some(running) = &mut entry.running {
            running.resources.get_or_insert(wished);
        }
        let mut task = Self::new(context, id, entry, wishes, Place::Absent);
        task.look_around().await;
        task.announce();
        task
    }

    /// Says what is known before anybody asks: who listens takes a sandbox that is not named for an absent one.
    fn announce(&self) {
        let observed = match self.next_act() {
            Act::Rest if self.place == Place::Running => Observed::Started,
            Act::Rest if self.place == Place::Paused => Observed::Paused,
            Act::Rest if self.place == Place::Stopped => Observed::Stopped,
            Act::Rest | Act::Launch | Act::Make | Act::Lose => Observed::Starting,
            Act::Restore => Observed::Restoring,
            Act::Resize => Observed::Resizing,
            Act::Freeze => Observed::Pausing,
            Act::Thaw => Observed::Resuming,
            Act::End | Act::Kill => Observed::Stopping,
            Act::Remove => Observed::Removing,
        };
        self.report(observed);
    }

    fn next_act(&self) -> Act {
        let wish = &self.entry.wish;
        let running = self.entry.running.as_ref();
        let has = running.and_then(|running| running.resources).unwrap_or(wish.spec.resources);
        // The disk is the volume's, and its limit is set at a start.
        let is_resized = (has.cpu, has.memory) != (wish.spec.resources.cpu, wish.spec.resources.memory);
        let Wish { desired, existence, generation, continues, .. } = *wish;
        let wished = Wished { desired, existence, generation, is_resized, continues };
        state::next(self.place, wished, self.past)
    }

    /// Sets `place` to what is on the host; what is half there becomes nothing.
    async fn look_around(&mut self) {
        if let Some(watched) = self.find_running().await {
            self.watched = Some(watched);
            let (context, id) = (Arc::clone(&self.context), self.id);
            // Held by a wish, or by a fork that a kill cut short.
            let is_frozen = blocking(move || context.drivers.runtime.is_frozen(id)).await;
            self.place = if is_frozen { Place::Paused } else { Place::Running };
            self.note_reached();
            self.keep_links().await;
            return;
        }
        if self.entry.reached == Some(self.entry.wish.generation)
            && matches!(self.entry.wish.desired, Desired::Started | Desired::Paused)
        {
            self.past.has_ended = true;
            let boot = self.entry.running.as_ref().map(|running| &running.boot);
            self.reason = Some(if boot.is_some_and(|boot| *boot != self.context.journal.boot) {
                "the host was restarted".to_owned()
            } else {
                "the sandbox ended while its runner was away".to_owned()
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

    /// A sandbox that runs on is in its links; they are made once all that run are known.
    async fn keep_links(&self) {
        let Some(port) = self.entry.running.as_ref().map(|running| Port(running.port)) else { return };
        let (context, id, spec) = (Arc::clone(&self.context), self.id, self.entry.wish.spec.clone());
        let kept = blocking(move || context.links.started(&*context.drivers.network, id, &spec, port)).await;
        if let Err(error) = kept {
            tracing::error!(sandbox.id = %self.id, reason = chain(&error), "a sandbox could not be linked");
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

    /// Owns the sandbox until nothing of it is left. Gives back the wish that was fulfilled so.
    pub(super) async fn run(mut self) -> Wish {
        loop {
            self.take_wish().await;
            let act = self.next_act();
            tracing::debug!(sandbox.id = %self.id, ?act, place = ?self.place, "decided");
            let step = match act {
                Act::Rest => self.rest().await,
                Act::Launch => self.launch().await,
                Act::Make => self.make().await,
                Act::Restore => self.restore().await,
                Act::Resize => self.resize().await,
                Act::Freeze => self.freeze().await,
                Act::Thaw => self.thaw().await,
                Act::End => self.end(false).await,
                Act::Kill => self.end(true).await,
                Act::Remove => self.remove().await,
                Act::Lose => {
                    self.fail(GONE.to_owned(), false);
                    self.is_lost = true;
                    Step::Again
                }
            };
            if matches!(step, Step::Gone) {
                return self.entry.wish;
            }
        }
    }

    /// Makes the newest wish the present one, and writes it down before anything is done for it.
    async fn take_wish(&mut self) {
        let wish = self.wishes.borrow_and_update().clone();
        if self.written && wish == self.entry.wish {
            return;
        }
        // Why it ended is still to be told to one who does not know that it has.
        if wish.generation != self.entry.wish.generation && !(wish.continues && self.place == Place::Stopped)
        {
            (self.reason, self.curable) = (None, false);
        }
        // What it was restored from is replaced by the next archive, and has to be known then.
        self.entry.archives.extend(self.entry.wish.archive.as_ref().map(|archive| archive.id));
        self.entry.wish = wish;
        self.written = true;
        if self.place == Place::Running && self.entry.wish.desired == Desired::Started {
            // It runs for the present wish too: should it end by itself, it is not started anew, by no successor either.
            self.note_reached();
        }
        // Nothing is made that is not written down; removal needs no more than what is known already.
        if let Err(reason) = self.write_journal().await
            && !self.entry.wish.desired.is_gone()
        {
            self.fail(reason, true);
        }
    }

    /// Says what is so, then waits for a wish or for the sandbox to end by itself.
    async fn rest(&mut self) -> Step {
        let observed = match self.place {
            _ if self.past.failed == Some(self.entry.wish.generation) && self.is_lost => Observed::Lost,
            _ if self.past.failed == Some(self.entry.wish.generation) => Observed::Failed,
            Place::Running => Observed::Started,
            Place::Paused => Observed::Paused,
            Place::Stopped => Observed::Stopped,
            Place::Absent => Observed::Absent,
        };
        self.work_on(observed).await;
        self.report(observed);
        let ended = async {
            match &self.watched {
                None => std::future::pending().await,
                Some(watched) => watched.ended().await,
            }
        };
        tokio::select! {
            changed = self.wishes.changed() => drop(changed),
            () = ended => self.ended_by_itself().await,
            report = self.work.ended() => self.task_ended(report).await,
        }
        Step::Again
    }

    /// Begins the task of the wish, and calls off one that is not wished any more. A fork is done when this returns.
    async fn work_on(&mut self, observed: Observed) {
        let wished = self.entry.wish.task;
        if self.work.id() != wished.map(|task| task.id) {
            self.work.call_off().await;
        }
        let Some(task) = wished else {
            self.entry.finished = None;
            return;
        };
        let is_known = self.work.id() == Some(task.id)
            || self.entry.finished.as_ref().is_some_and(|finished| finished.id == task.id);
        // What cannot be read or held is not begun: the wish has failed, and its maker hears so.
        if is_known || !matches!(self.place, Place::Running | Place::Stopped) || observed == Observed::Failed
        {
            return;
        }
        if let Err(reason) = self.note_archive(task.kind).await {
            let state = TaskState::Failed { reason };
            return self.task_ended(TaskReport { id: task.id, state }).await;
        }
        self.work.announce(task.id);
        self.report(observed);
        let source = Source {
            context: Arc::clone(&self.context),
            id: self.id,
            is_running: self.place == Place::Running,
            disk_bytes: self.entry.wish.spec.resources.disk.bytes(),
            root: self.entry.wish.spec.root.clone(),
        };
        let ended = self.work.begin(task, source).await;
        if self.place == Place::Running {
            // Whoever was held for it and could not be let go is let go next.
            let (context, id) = (Arc::clone(&self.context), self.id);
            if blocking(move || context.drivers.runtime.is_frozen(id)).await {
                self.place = Place::Paused;
            }
        }
        if let Some(report) = ended {
            self.task_ended(report).await;
        }
    }

    /// Notes what a task may put into the object store, before it does, and removes from there what nothing is known by
    /// any more: of attempts that failed, and what the record has replaced.
    async fn note_archive(&mut self, kind: TaskKind) -> Result<(), String> {
        let (TaskKind::Archive { archive } | TaskKind::Backup { archive }) = kind else { return Ok(()) };
        let recorded = self.entry.wish.archive.as_ref().map(|archive| archive.id);
        let stale: Vec<ObjectId> =
            self.entry.archives_but(recorded).into_iter().filter(|id| *id != archive).collect();
        let (context, id) = (Arc::clone(&self.context), self.id);
        let removed = blocking(move || {
            // What cannot be removed now is tried again with the next.
            let is_gone = |object: &ObjectId| work::forget_archives(&context, id, &[*object]).is_ok();
            stale.into_iter().filter(is_gone).collect::<Vec<_>>()
        })
        .await;
        self.entry.archives.retain(|id| !removed.contains(id));
        self.entry.archives.insert(archive);
        self.write_durably().await
    }

    /// A task has ended: that is written down before it is said, or it might be done twice.
    async fn task_ended(&mut self, report: TaskReport) {
        if let TaskState::Failed { reason } = &report.state {
            tracing::warn!(sandbox.id = %self.id, task.id = %report.id, reason, "a task came to nothing");
        }
        let id = report.id;
        self.entry.finished = Some(report);
        if let Err(reason) = self.write_durably().await {
            // What is not written down has not happened: it would be done again by whoever comes next.
            self.entry.finished = Some(TaskReport { id, state: TaskState::Failed { reason } });
        }
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
        self.past.has_ended = true;
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
            self.fail(reason, true);
            return Step::Again;
        }
        self.report(if self.place == Place::Absent { Observed::Creating } else { Observed::Starting });
        let (context, id, mut entry) = (Arc::clone(&self.context), self.id, self.entry.clone());
        // Before its turn: one that waits for a bucket must not keep others from being started.
        let mounts = match self.open_volumes().await {
            Ok(mounts) => mounts,
            Err(reason) => {
                let _ = self.clean_up().await;
                self.fail(reason, true);
                return Step::Again;
            }
        };
        let shared = Arc::clone(&context);
        let waiting = tracing::debug_span!("turn", sandbox.id = %id);
        let Ok(turn) = shared.launches.acquire().instrument(waiting).await else { return Step::Gone };
        let (entry, launched) = blocking(move || {
            let span = tracing::debug_span!("launch", sandbox.id = %id);
            let launched = span.in_scope(|| launch::launch(&context, id, &mut entry, &layers, mounts));
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
                self.fail(chain(&error), error.is_curable());
            }
        }
        Step::Again
    }

    /// What it mounts, opened. What was opened is given back by the clean-up, also after an error.
    async fn open_volumes(&self) -> Result<Vec<Mount>, String> {
        let wished = self.entry.wish.spec.volumes.clone();
        if wished.is_empty() {
            return Ok(Vec::new());
        }
        let (context, id) = (Arc::clone(&self.context), self.id);
        let span = tracing::debug_span!("volumes", sandbox.id = %id);
        let opened = blocking(move || span.in_scope(|| volumes::open(&context, id, &wished))).await;
        opened.map_err(|error| chain(&error))
    }

    async fn launched(&mut self, running: Running) {
        let opened = running.process().open().and_then(|pidfd| pidfd.map(Watched::new).transpose());
        self.past.failed = None;
        self.past.has_ended = false;
        self.note_reached();
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
            self.fail(reason, true);
        }
    }

    /// The layers of its root, or `None` when the wish changed or the root cannot be had.
    async fn wait_for_root(&mut self) -> Option<Vec<std::path::PathBuf>> {
        let mut root = roots::watch(&self.context, &self.entry.wish.spec.root);
        loop {
            match &*root.borrow_and_update() {
                RootState::Ready(ready) => return Some(ready.layers.clone()),
                RootState::Preparing => self.report(Observed::WaitingForRoot),
                RootState::Failed(reason) => {
                    let reason = format!("its root file system could not be made: {reason}");
                    self.fail(reason, true);
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
            Err(error) => self.fail(chain(&error), error.is_curable()),
        }
        Step::Again
    }

    /// Fetches its files; a wish that it be gone calls that off.
    async fn restore(&mut self) -> Step {
        self.report(Observed::Restoring);
        let Some(archive) = self.entry.wish.archive.clone() else {
            self.fail("it is archived, and nobody says where".to_owned(), false);
            return Step::Again;
        };
        let limit = self.entry.wish.spec.resources.disk.bytes();
        let (canceller, cancel) = match paddock_porter::cancel() {
            Ok(pair) => pair,
            Err(error) => {
                self.fail(format!("could not be restored: {error}"), true);
                return Step::Again;
            }
        };
        let (context, id) = (Arc::clone(&self.context), self.id);
        let mut restoring =
            tokio::task::spawn_blocking(move || work::restore(&context, id, &archive, limit, &cancel));
        let mut wishes = self.wishes.clone();
        let unwanted = async { drop(wishes.wait_for(|wish| wish.desired.is_gone()).await) };
        let restored = tokio::select! {
            restored = &mut restoring => restored,
            () = unwanted => {
                canceller.cancel();
                restoring.await
            }
        };
        match restored.unwrap_or_else(|_| Err("the restoration broke off".to_owned())) {
            Ok(()) => {
                // The first files are among them.
                self.entry.seeded = true;
                self.place = Place::Stopped;
                if let Err(reason) = self.write_journal().await {
                    self.fail(reason, true);
                }
            }
            Err(reason) => self.fail(format!("could not be restored: {reason}"), true),
        }
        Step::Again
    }

    async fn resize(&mut self) -> Step {
        self.report(Observed::Resizing);
        let (context, id, resources) = (Arc::clone(&self.context), self.id, self.entry.wish.spec.resources);
        let resized = blocking(move || {
            work::hit("runner.resize.before")?;
            context.drivers.runtime.resize(id, resources).map_err(|error| chain(&error))?;
            work::hit("runner.resize.after")
        })
        .await;
        match resized {
            Ok(()) => {
                if let Some(running) = &mut self.entry.running {
                    running.resources = Some(resources);
                }
                // Should this be lost, the limits are set once more, to the same.
                let _ = self.write_journal().await;
            }
            Err(reason) => self.fail(reason, true),
        }
        Step::Again
    }

    /// Holds its processes, then takes from them what memory they can do without.
    async fn freeze(&mut self) -> Step {
        self.report(Observed::Pausing);
        let (context, id) = (Arc::clone(&self.context), self.id);
        let frozen = blocking(move || {
            work::hit("runner.pause.before")?;
            context.drivers.runtime.freeze(id, FREEZE_LIMIT).map_err(|error| chain(&error))?;
            work::hit("runner.pause.after")?;
            match context.drivers.runtime.reclaim(id) {
                Ok(reclaimed) => {
                    tracing::debug!(sandbox.id = %id, ?reclaimed, "took memory from a paused sandbox")
                }
                // It is a courtesy to its neighbours.
                Err(error) => {
                    tracing::warn!(sandbox.id = %id, reason = chain(&error), "kept all of its memory")
                }
            }
            Ok::<(), String>(())
        })
        .await;
        match frozen {
            Ok(()) => {
                self.place = Place::Paused;
                self.note_reached();
                let _ = self.write_journal().await;
            }
            Err(reason) => {
                self.fail(reason, true);
                self.let_go().await;
            }
        }
        Step::Again
    }

    async fn thaw(&mut self) -> Step {
        self.report(Observed::Resuming);
        let (context, id) = (Arc::clone(&self.context), self.id);
        let thawed = blocking(move || {
            work::hit("runner.resume.before")?;
            context.drivers.runtime.thaw(id).map_err(|error| chain(&error))?;
            work::hit("runner.resume.after")
        })
        .await;
        match thawed {
            Ok(()) => {
                self.place = Place::Running;
                self.note_reached();
                let _ = self.write_journal().await;
            }
            Err(reason) => self.fail(reason, true),
        }
        Step::Again
    }

    /// Lets its processes go on, whatever holds them.
    async fn let_go(&self) {
        let (context, id) = (Arc::clone(&self.context), self.id);
        if let Err(error) = blocking(move || context.drivers.runtime.thaw(id)).await {
            tracing::error!(sandbox.id = %self.id, reason = chain(&error), "a sandbox is held and cannot be let go");
        }
    }

    async fn end(&mut self, at_once: bool) -> Step {
        let is_to_go = self.entry.wish.desired.is_gone();
        self.report(if is_to_go { Observed::Removing } else { Observed::Stopping });
        if let Err(error) = paddock_failpoint::hit("runner.end.before_signal") {
            self.fail(error.to_string(), true);
            return Step::Again;
        }
        let is_held = self.place == Place::Paused;
        let ended = match (&self.watched, at_once) {
            (Some(watched), false) => {
                if is_held {
                    self.let_go().await;
                }
                watched.end(&mut self.wishes).await
            }
            // What is held does not end before it is let go; the signal comes first, so that nothing of it runs again.
            (Some(watched), true) if is_held => tokio::join!(watched.kill(), self.let_go()).0,
            (Some(watched), true) => watched.kill().await,
            (None, _) => Ok(()),
        };
        let ended = ended
            .and_then(|()| paddock_failpoint::hit("runner.end.after_signal").map_err(std::io::Error::other));
        if let Err(error) = ended {
            self.fail(format!("could not stop it: {error}"), true);
            if is_to_go {
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
        self.work.call_off().await;
        // Files of a sandbox of which anything may still run are not removed.
        let cleaned = self.clean_up().await;
        let (context, id) = (Arc::clone(&self.context), self.id);
        let kept = match self.entry.wish.desired {
            Desired::Absent => None,
            _ => self.entry.wish.archive.as_ref().map(|archive| archive.id),
        };
        let archives = self.entry.archives_but(kept);
        let removed = blocking(move || {
            cleaned?;
            work::forget_archives(&context, id, &archives)?;
            work::hit("runner.remove.before_volume")?;
            context.drivers.storage.delete_volume(id).map_err(|error| chain(&error))?;
            work::hit("runner.remove.after_volume")?;
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
                let (context, id) = (Arc::clone(&self.context), self.id);
                let found = blocking(move || context.drivers.storage.find_volume(id)).await;
                // A newer wish must not take for its files what is not there any more.
                self.place = if matches!(found, Ok(None)) { Place::Absent } else { Place::Stopped };
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
            curable: false,
            daemon_version: None,
            task: None,
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

    /// As [`Task::write_journal`], and it survives a power cut.
    async fn write_durably(&self) -> Result<(), String> {
        self.write_journal().await?;
        let (context, id) = (Arc::clone(&self.context), self.id);
        let synced = blocking(move || context.journal.sync(id)).await;
        synced.map_err(|error| format!("could not write the runner's journal: {error}"))
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

    /// It is as the present wish wants it, by what is known here and by what the next write of the journal says.
    fn note_reached(&mut self) {
        self.past.reached = Some(self.entry.wish.generation);
        self.entry.reached = self.past.reached;
    }

    fn fail(&mut self, reason: String, curable: bool) {
        tracing::warn!(sandbox.id = %self.id, reason, "a wish could not be fulfilled");
        self.past.failed = Some(self.entry.wish.generation);
        (self.reason, self.curable, self.is_lost) = (Some(reason), curable, false);
    }

    /// How far the task of the wish is.
    fn task_report(&self) -> Option<TaskReport> {
        let wished = self.entry.wish.task?.id;
        let finished = self.entry.finished.clone().filter(|finished| finished.id == wished);
        let running = || TaskReport { id: wished, state: TaskState::Running };
        finished.or_else(|| (self.work.id() == Some(wished)).then(running))
    }

    fn report(&self, state: Observed) {
        let version = self.entry.running.as_ref().map(|running| running.version.clone());
        self.context.hub.report(Observation {
            id: self.id,
            generation: Some(self.entry.wish.generation),
            state,
            reason: self.reason.clone(),
            curable: self.curable,
            daemon_version: version.filter(|_| matches!(state, Observed::Started | Observed::Paused)),
            task: self.task_report(),
        });
    }
}

/// Whether a wish for a sandbox that nothing is known of needs a task at all.
pub(super) fn is_about_nothing(wish: &Wish) -> bool {
    wish.desired == Desired::Absent && wish.existence == Existence::Create
}
