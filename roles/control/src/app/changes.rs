//! Tells of every change of a sandbox's record: those who wait for it, and the event stream.
//!
//! Invariant: the changes of one sandbox are told in the order in which they were committed, each once,
//! and none before it is durable. Commits run side by side and their ends can overtake each other; so
//! each is announced with the version that it replaces ([`Changes::begin`]), and what it did is held back
//! while one that replaces an older version is still under way.
//!
//! For those who wait it is only for speed: a waiter also looks for itself now and then, since a change may
//! be another process's.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use paddock_store::SandboxRecord;
use paddock_types::{DesiredState, SandboxId, SandboxState};
use tokio::sync::watch;

use super::events::{Event, Events};

type News = Option<Arc<SandboxRecord>>;

/// The changes under way and the waiters of all sandboxes. A sandbox without either takes no room.
#[derive(Default)]
pub(crate) struct Changes {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    lanes: HashMap<SandboxId, Lane>,
    waiters: HashMap<SandboxId, watch::Sender<News>>,
}

/// The commits of one sandbox, by the version that each replaces; 0 makes the record.
#[derive(Default)]
struct Lane {
    under_way: Vec<u64>,
    held: BTreeMap<u64, Change>,
}

/// What a commit did.
pub(crate) struct Change {
    /// Shown and desired state before it; `None`: the record was made, or has just become somebody's.
    pub(crate) before: Option<(SandboxState, DesiredState)>,
    /// The record as it was committed.
    pub(crate) record: Arc<SandboxRecord>,
}

/// A commit under way. Dropped without [`Commit::done`], it has changed nothing.
pub(crate) struct Commit<'c> {
    changes: &'c Changes,
    events: &'c Events,
    id: SandboxId,
    from: u64,
    change: Option<Change>,
}

/// Waits for one sandbox.
pub(crate) struct Watcher<'c> {
    id: SandboxId,
    news: Option<watch::Receiver<News>>,
    changes: &'c Changes,
}

impl Changes {
    /// Announces a commit that replaces version `from`. To be called before it is tried.
    pub(crate) fn begin<'c>(&'c self, events: &'c Events, id: SandboxId, from: u64) -> Commit<'c> {
        self.lock().lanes.entry(id).or_default().under_way.push(from);
        Commit { changes: self, events, id, from, change: None }
    }

    /// Tells the waiters alone of a change that is not of the status, and so has no version of its own.
    pub(crate) fn refresh(&self, record: &SandboxRecord) {
        self.lock().tell_waiters(&Arc::new(record.clone()));
    }

    /// Begins to wait: changes from now on are not missed.
    pub(crate) fn watch(&self, id: SandboxId) -> Watcher<'_> {
        let mut inner = self.lock();
        let news = inner.waiters.entry(id).or_insert_with(|| watch::channel(None).0).subscribe();
        Watcher { id, news: Some(news), changes: self }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Commit<'_> {
    /// The commit is durable.
    pub(crate) fn done(mut self, change: Change) {
        self.change = Some(change);
    }
}

impl Drop for Commit<'_> {
    fn drop(&mut self) {
        let mut inner = self.changes.lock();
        for change in inner.land(self.id, self.from, self.change.take()) {
            inner.tell_waiters(&change.record);
            change.tell(self.events);
        }
    }
}

impl Inner {
    /// Ends a commit; what can now be told, in order.
    fn land(&mut self, id: SandboxId, from: u64, change: Option<Change>) -> Vec<Change> {
        let Some(lane) = self.lanes.get_mut(&id) else { return Vec::new() };
        if let Some(place) = lane.under_way.iter().position(|version| *version == from) {
            lane.under_way.swap_remove(place);
        }
        if let Some(change) = change {
            lane.held.insert(from, change);
        }
        let mut told = Vec::new();
        while let Some(first) = lane.held.first_entry()
            && lane.under_way.iter().all(|version| version >= first.key())
        {
            told.push(first.remove());
        }
        // With nothing under way nothing is held.
        if lane.under_way.is_empty() {
            self.lanes.remove(&id);
        }
        told
    }

    fn tell_waiters(&self, record: &Arc<SandboxRecord>) {
        if let Some(sender) = self.waiters.get(&record.id) {
            sender.send_if_modified(|news| {
                let is_news = news.as_ref().is_none_or(|known| known.version <= record.version);
                if is_news {
                    *news = Some(Arc::clone(record));
                }
                is_news
            });
        }
    }
}

impl Change {
    fn tell(self, events: &Events) {
        let Self { before, record: sandbox } = self;
        // What waits in a pool is nobody's; whoever gets it hears of it as made.
        if sandbox.warm_pool.is_some() {
            return;
        }
        let Some((state, desired)) = before else {
            events.publish(Event::SandboxCreated(sandbox));
            return;
        };
        if desired != sandbox.status.desired {
            events.publish(Event::SandboxDesiredState { sandbox: Arc::clone(&sandbox), old: desired });
        }
        if state != sandbox.status.state {
            events.publish(Event::SandboxState { sandbox, old: state });
        }
    }
}

impl Watcher<'_> {
    /// The next change. Never ends without one.
    pub(crate) async fn next(&mut self) -> Arc<SandboxRecord> {
        loop {
            if let Some(news) = &mut self.news
                && news.changed().await.is_ok()
            {
                if let Some(record) = news.borrow_and_update().clone() {
                    return record;
                }
            } else {
                // The sender lives as long as a waiter does.
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Drop for Watcher<'_> {
    fn drop(&mut self) {
        let mut inner = self.changes.lock();
        drop(self.news.take());
        if inner.waiters.get(&self.id).is_some_and(|sender| sender.receiver_count() == 0) {
            inner.waiters.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::events::EventSink;
    use paddock_store::sandbox::{AuthToken, SandboxStatus};
    use paddock_types::{
        AutoArchive, AutoDelete, AutoPause, AutoStop, BuiltinSnapshot, Generation, OrganizationId, OsUser,
        RootRef, Timestamp,
    };

    /// Notes which state each event told.
    #[derive(Default)]
    struct Ear(Mutex<Vec<SandboxState>>);

    impl EventSink for Ear {
        fn deliver(&self, event: Event) {
            let (Event::SandboxCreated(sandbox) | Event::SandboxState { sandbox, .. }) = event else {
                return;
            };
            self.0.lock().unwrap().push(sandbox.status.state);
        }

        fn keys_changed(&self, _: OrganizationId) {}
    }

    const STATES: [SandboxState; 4] =
        [SandboxState::Creating, SandboxState::Starting, SandboxState::Started, SandboxState::Stopping];

    /// The change that made version `from + 1`.
    fn change(id: SandboxId, from: usize) -> Change {
        let (generation, resources) =
            (Generation { epoch: 1, number: 1 }, BuiltinSnapshot::Small.resources());
        let status = SandboxStatus::wished(generation, resources, AuthToken(String::new()), Timestamp(0));
        let status = SandboxStatus { state: STATES[from], ..status };
        let record = SandboxRecord {
            id,
            organization: OrganizationId::random(),
            name: String::new(),
            snapshot_name: String::new(),
            root: RootRef::BUILTIN,
            user: OsUser::try_from("daytona".to_owned()).unwrap(),
            env: BTreeMap::new(),
            labels: BTreeMap::new(),
            public: false,
            network_block_all: false,
            region: String::new(),
            auto_stop: AutoStop::DEFAULT,
            auto_pause: AutoPause::Disabled,
            auto_archive: AutoArchive::DEFAULT,
            auto_delete: AutoDelete::Never,
            auto_destroy_at: None,
            parent: None,
            created_at: Timestamp(0),
            last_activity_at: Timestamp(0),
            volumes: Vec::new(),
            image: Default::default(),
            build: None,
            scratch: Vec::new(),
            status,
            version: from as u64 + 1,
            warm_pool: None,
            link: None,
        };
        let before = from.checked_sub(1).map(|before| (STATES[before], DesiredState::Started));
        Change { before, record: Arc::new(record) }
    }

    fn heard() -> (Changes, Events, Arc<Ear>) {
        let (events, ear) = (Events::default(), Arc::new(Ear::default()));
        events.add(Arc::clone(&ear) as Arc<dyn EventSink>);
        (Changes::default(), events, ear)
    }

    #[test]
    fn changes_whose_ends_overtake_each_other_are_told_in_order() {
        let (changes, events, ear) = heard();
        let id = SandboxId::random();
        let [zero, one, two, loser] = [0, 1, 2, 1].map(|from| changes.begin(&events, id, from));
        two.done(change(id, 2));
        one.done(change(id, 1));
        assert_eq!(*ear.0.lock().unwrap(), [], "the first is still under way");
        zero.done(change(id, 0));
        assert_eq!(*ear.0.lock().unwrap(), STATES[..2], "one that lost is still under way");
        drop(loser);
        assert_eq!(*ear.0.lock().unwrap(), STATES[..3]);
        changes.begin(&events, id, 3).done(change(id, 3));
        assert_eq!(*ear.0.lock().unwrap(), STATES);
        assert!(changes.lock().lanes.is_empty(), "nothing is kept");
    }

    #[test]
    fn one_sandbox_does_not_wait_for_another() {
        let (changes, events, ear) = heard();
        let _slow = changes.begin(&events, SandboxId::random(), 0);
        let id = SandboxId::random();
        changes.begin(&events, id, 1).done(change(id, 1));
        assert_eq!(*ear.0.lock().unwrap(), [STATES[1]]);
    }

    #[tokio::test]
    async fn a_waiter_is_not_told_what_is_older_than_what_he_knows() {
        let (changes, events, _) = heard();
        let id = SandboxId::random();
        let mut watcher = changes.watch(id);
        changes.begin(&events, id, 2).done(change(id, 2));
        changes.refresh(&change(id, 1).record);
        assert_eq!(watcher.next().await.version, 3);
        drop(watcher);
        assert!(changes.lock().waiters.is_empty(), "nothing is kept");
    }
}
