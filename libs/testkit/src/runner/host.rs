//! What the fake runner has: sandboxes, wishes, and those who listen.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use paddock_types::{Generation, RootRef, RunnerId, SandboxId};
use paddock_wire_runner::{
    Desired, Event, Existence, Observation, Observed, PROTOCOL_VERSION, RootState, RootStatus, RunnerInfo,
    Wish,
};
use tokio::sync::{broadcast, watch};

/// A host. Nothing of it ends with a connection.
pub(super) struct Host {
    info: RunnerInfo,
    inner: Mutex<Inner>,
    news: broadcast::Sender<Event>,
    /// Whether steps are taken.
    open: watch::Sender<bool>,
}

struct Inner {
    sandboxes: HashMap<SandboxId, Sandbox>,
    root: RootStatus,
    script: Script,
    wishes: Vec<(SandboxId, Wish)>,
}

#[derive(Clone)]
struct Sandbox {
    generation: Option<Generation>,
    state: Observed,
    reason: Option<String>,
    has_files: bool,
}

/// What goes wrong from now on.
#[derive(Default, Clone)]
pub(super) struct Script {
    pub(super) start_failure: Option<String>,
    pub(super) removal_failure: Option<String>,
    pub(super) refusal: Option<(u16, String)>,
    pub(super) lose_next_answer: bool,
}

/// What becomes of a wish.
pub(super) enum Reception {
    Accepted(Observation),
    Outdated,
    Refused(u16, String),
    AnswerLost,
}

impl Host {
    pub(super) fn new() -> Self {
        let root = RootStatus {
            root: RootRef::Builtin,
            state: RootState::Ready,
            size_bytes: Some(1 << 30),
            detail: None,
        };
        let inner = Inner { sandboxes: HashMap::new(), root, script: Script::default(), wishes: Vec::new() };
        Self {
            info: RunnerInfo {
                id: RunnerId::random(),
                protocol: PROTOCOL_VERSION,
                version: "fake".to_owned(),
            },
            inner: Mutex::new(inner),
            news: broadcast::channel(65_536).0,
            open: watch::channel(true).0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn info(&self) -> RunnerInfo {
        self.info.clone()
    }

    pub(super) fn listeners(&self) -> usize {
        self.news.receiver_count()
    }

    pub(super) fn wishes(&self) -> Vec<(SandboxId, Wish)> {
        self.lock().wishes.clone()
    }

    pub(super) fn script(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.lock().script);
    }

    pub(super) fn set_open(&self, open: bool) {
        self.open.send_replace(open);
    }

    pub(super) fn state(&self, id: SandboxId) -> Observed {
        self.lock().sandboxes.get(&id).map_or(Observed::Absent, |sandbox| sandbox.state)
    }

    /// Everything that is so now, and everything that changes from here on.
    pub(super) fn listen(&self) -> (Vec<Event>, broadcast::Receiver<Event>) {
        let inner = self.lock();
        let mut events = vec![Event::Hello(self.info())];
        events.extend(inner.sandboxes.iter().map(|(id, sandbox)| Event::Sandbox(sandbox.observation(*id))));
        events.push(Event::Root(inner.root.clone()));
        events.push(Event::InSync);
        (events, self.news.subscribe())
    }

    pub(super) fn observations(&self) -> Vec<Observation> {
        self.lock().sandboxes.iter().map(|(id, sandbox)| sandbox.observation(*id)).collect()
    }

    /// Takes a wish in and begins to fulfil it.
    pub(super) fn receive(self: &Arc<Self>, id: SandboxId, wish: Wish) -> Reception {
        let mut inner = self.lock();
        inner.wishes.push((id, wish.clone()));
        if let Some((status, message)) = inner.script.refusal.clone() {
            return Reception::Refused(status, message);
        }
        let is_root_ready = inner.root.state == RootState::Ready;
        let sandbox = inner.sandboxes.entry(id).or_insert(Sandbox {
            generation: None,
            state: Observed::Absent,
            reason: None,
            has_files: false,
        });
        if sandbox.generation.is_some_and(|known| known > wish.generation) {
            return Reception::Outdated;
        }
        let is_new = sandbox.generation != Some(wish.generation);
        let is_reached = match wish.desired {
            Desired::Started => sandbox.state == Observed::Started,
            Desired::Stopped | Desired::Killed => sandbox.state == Observed::Stopped,
            Desired::Absent => sandbox.state == Observed::Absent,
        };
        sandbox.generation = Some(wish.generation);
        if is_new {
            sandbox.reason = None;
            if !is_reached {
                sandbox.state = first_step(wish.desired, sandbox.has_files, is_root_ready);
                let host = Arc::clone(self);
                let wish = wish.clone();
                tokio::spawn(async move { host.go_on(id, wish).await });
            }
            drop(self.news.send(Event::Sandbox(sandbox.observation(id))));
        }
        let answer = sandbox.observation(id);
        if std::mem::take(&mut inner.script.lose_next_answer) {
            return Reception::AnswerLost;
        }
        Reception::Accepted(answer)
    }

    /// The steps after the first, as long as no newer wish has come.
    async fn go_on(&self, id: SandboxId, wish: Wish) {
        let mut open = self.open.subscribe();
        // The sender lives as long as the host.
        drop(open.wait_for(|open| *open).await);
        let mut news = self.news.subscribe();
        while self.lock().root.state == RootState::Preparing && wish.desired == Desired::Started {
            drop(news.recv().await);
        }
        let mut inner = self.lock();
        let script = inner.script.clone();
        let root = inner.root.clone();
        let Some(sandbox) =
            inner.sandboxes.get_mut(&id).filter(|found| found.generation == Some(wish.generation))
        else {
            return;
        };
        let steps: Vec<(Observed, Option<String>)> = match wish.desired {
            Desired::Started if root.state == RootState::Failed => vec![(Observed::Failed, root.detail)],
            Desired::Started if wish.existence == Existence::Existing && !sandbox.has_files => {
                vec![(Observed::Failed, Some("its files are gone".to_owned()))]
            }
            Desired::Started => match script.start_failure {
                Some(reason) => vec![(Observed::Failed, Some(reason))],
                None => {
                    vec![(Observed::Creating, None), (Observed::Starting, None), (Observed::Started, None)]
                }
            },
            Desired::Stopped | Desired::Killed if !sandbox.has_files => {
                vec![(Observed::Failed, Some("its files are gone".to_owned()))]
            }
            Desired::Stopped | Desired::Killed => vec![(Observed::Stopped, None)],
            Desired::Absent => match script.removal_failure {
                Some(reason) => vec![(Observed::Failed, Some(reason))],
                None => vec![(Observed::Absent, None)],
            },
        };
        for (state, reason) in steps {
            sandbox.has_files = match state {
                Observed::Started => true,
                Observed::Absent => false,
                _ => sandbox.has_files,
            };
            (sandbox.state, sandbox.reason) = (state, reason);
            drop(self.news.send(Event::Sandbox(sandbox.observation(id))));
        }
    }

    pub(super) fn observe(&self, id: SandboxId, state: Observed, reason: Option<String>) {
        if let Some(sandbox) = self.lock().sandboxes.get_mut(&id) {
            (sandbox.state, sandbox.reason) = (state, reason);
            drop(self.news.send(Event::Sandbox(sandbox.observation(id))));
        }
    }

    pub(super) fn lose(&self, id: SandboxId) {
        self.lock().sandboxes.remove(&id);
    }

    pub(super) fn forget_wishes(&self) {
        for sandbox in self.lock().sandboxes.values_mut() {
            sandbox.generation = None;
        }
    }

    pub(super) fn plant(&self, id: SandboxId) {
        let sandbox = Sandbox { generation: None, state: Observed::Started, reason: None, has_files: true };
        drop(self.news.send(Event::Sandbox(sandbox.observation(id))));
        self.lock().sandboxes.insert(id, sandbox);
    }

    pub(super) fn lose_work_under_way(&self) {
        self.lock().sandboxes.retain(|_, sandbox| sandbox.state.is_settled());
    }

    pub(super) fn set_root(
        &self,
        root: RootRef,
        state: RootState,
        detail: Option<String>,
        size_bytes: Option<u64>,
    ) {
        let status = RootStatus { root, state, size_bytes, detail };
        self.lock().root = status.clone();
        drop(self.news.send(Event::Root(status)));
    }
}

impl Sandbox {
    fn observation(&self, id: SandboxId) -> Observation {
        Observation {
            id,
            generation: self.generation,
            state: self.state,
            reason: self.reason.clone(),
            daemon_version: (self.state == Observed::Started).then(|| "0.0.1-fake".to_owned()),
        }
    }
}

fn first_step(desired: Desired, has_files: bool, is_root_ready: bool) -> Observed {
    match desired {
        Desired::Started if !is_root_ready => Observed::WaitingForRoot,
        Desired::Started if has_files => Observed::Starting,
        Desired::Started => Observed::Creating,
        Desired::Stopped | Desired::Killed => Observed::Stopping,
        Desired::Absent => Observed::Removing,
    }
}
