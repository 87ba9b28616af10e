//! What the fake runner has: sandboxes, wishes, and those who listen.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use paddock_types::{
    Generation, ObjectId, Resources, RootRef, RunnerId, SandboxId, Sha256, StoredObject, TaskKind,
};
use paddock_wire_runner::{
    Desired, Event, Existence, Observation, Observed, PROTOCOL_VERSION, RootState, RootStatus, RunnerInfo,
    Task, TaskReport, TaskState, Wish,
};
use tokio::sync::{broadcast, watch};

use super::volumes::Volumes;

/// A host. Nothing of it ends with a connection.
pub(super) struct Host {
    info: RunnerInfo,
    inner: Mutex<Inner>,
    news: broadcast::Sender<Event>,
    /// Whether steps are taken.
    open: watch::Sender<bool>,
    pub(super) volumes: Volumes,
}

struct Inner {
    sandboxes: HashMap<SandboxId, Sandbox>,
    root: RootStatus,
    script: Script,
    wishes: Vec<(SandboxId, Wish)>,
    /// What lies in the object store as layers.
    layers: BTreeSet<ObjectId>,
}

#[derive(Clone)]
struct Sandbox {
    generation: Option<Generation>,
    state: Observed,
    reason: Option<String>,
    has_files: bool,
    /// Whether its processes are there, whatever became of the last wish.
    runs: bool,
    /// It ended by itself, and was not started since.
    has_ended: bool,
    task: Option<TaskReport>,
    resources: Option<Resources>,
}

impl Sandbox {
    fn new(state: Observed, has_files: bool) -> Self {
        Self {
            generation: None,
            state,
            reason: None,
            has_files,
            runs: state == Observed::Started,
            has_ended: false,
            task: None,
            resources: None,
        }
    }
}

/// What goes wrong from now on.
#[derive(Default, Clone)]
pub(super) struct Script {
    pub(super) start_failure: Option<String>,
    pub(super) removal_failure: Option<String>,
    pub(super) pause_failure: Option<String>,
    pub(super) resize_failure: Option<String>,
    pub(super) task_failure: Option<String>,
    pub(super) layer_failure: Option<String>,
    /// Whether tasks stay under way.
    pub(super) hold_tasks: bool,
    pub(super) is_curable: bool,
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
            root: RootRef::BUILTIN,
            state: RootState::Ready,
            size_bytes: Some(1 << 30),
            detail: None,
        };
        let inner = Inner {
            sandboxes: HashMap::new(),
            root,
            script: Script::default(),
            wishes: Vec::new(),
            layers: BTreeSet::new(),
        };
        Self {
            info: RunnerInfo {
                id: RunnerId::random(),
                protocol: PROTOCOL_VERSION,
                version: "fake".to_owned(),
            },
            inner: Mutex::new(inner),
            news: broadcast::channel(65_536).0,
            open: watch::channel(true).0,
            volumes: Volumes::default(),
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
        events.extend(
            inner.sandboxes.iter().map(|(id, sandbox)| Event::Sandbox(sandbox.observation(*id, false))),
        );
        events.push(Event::Root(inner.root.clone()));
        events.push(Event::InSync);
        (events, self.news.subscribe())
    }

    pub(super) fn observations(&self) -> Vec<Observation> {
        self.lock().sandboxes.iter().map(|(id, sandbox)| sandbox.observation(*id, false)).collect()
    }

    /// Takes a wish in and begins to fulfil it.
    pub(super) fn receive(self: &Arc<Self>, id: SandboxId, wish: Wish) -> Reception {
        let mut inner = self.lock();
        inner.wishes.push((id, wish.clone()));
        if let Some((status, message)) = inner.script.refusal.clone() {
            return Reception::Refused(status, message);
        }
        let is_root_ready = inner.root.state == RootState::Ready;
        let sandbox = inner.sandboxes.entry(id).or_insert(Sandbox::new(Observed::Absent, false));
        if sandbox.generation.is_some_and(|known| known > wish.generation) {
            return Reception::Outdated;
        }
        let is_new = sandbox.generation != Some(wish.generation);
        let is_reached = match wish.desired {
            // It has ended, and whoever wishes it to go on does not know that.
            Desired::Started if wish.continues && sandbox.has_ended => true,
            Desired::Started => {
                sandbox.state == Observed::Started && sandbox.resources == Some(wish.spec.resources)
            }
            Desired::Paused => sandbox.state == Observed::Paused,
            Desired::Stopped | Desired::Killed => sandbox.state == Observed::Stopped,
            Desired::Evicted | Desired::Absent => sandbox.state == Observed::Absent,
        };
        let has_task =
            wish.task.is_some_and(|task| sandbox.task.as_ref().is_none_or(|known| known.id != task.id));
        sandbox.generation = Some(wish.generation);
        if is_new {
            if !(wish.continues && sandbox.has_ended) {
                sandbox.reason = None;
            }
            if wish.task.is_none() {
                sandbox.task = None;
            }
            if !is_reached {
                sandbox.state = first_step(&wish, sandbox, is_root_ready);
            }
            if !is_reached || has_task {
                let host = Arc::clone(self);
                let wish = wish.clone();
                tokio::spawn(async move { host.go_on(id, wish).await });
            }
            drop(self.news.send(Event::Sandbox(sandbox.observation(id, false))));
        }
        let answer = sandbox.observation(id, false);
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
            Desired::Started if wish.continues && sandbox.has_ended => {
                vec![(Observed::Stopped, sandbox.reason.clone())]
            }
            Desired::Started if wish.existence == Existence::Existing && !sandbox.has_files => {
                vec![(Observed::Lost, Some("its files are gone".to_owned()))]
            }
            Desired::Started if sandbox.runs && sandbox.state != Observed::Resuming => {
                let failure =
                    script.resize_failure.filter(|_| sandbox.resources != Some(wish.spec.resources));
                match failure {
                    Some(reason) => vec![(Observed::Failed, Some(reason))],
                    None => vec![(Observed::Started, None)],
                }
            }
            Desired::Started if sandbox.state == Observed::Resuming => vec![(Observed::Started, None)],
            Desired::Paused if sandbox.state != Observed::Pausing => vec![(sandbox.state, None)],
            Desired::Paused => match script.pause_failure {
                Some(reason) => vec![(Observed::Failed, Some(reason))],
                None => vec![(Observed::Paused, None)],
            },
            Desired::Started => match script.start_failure {
                Some(reason) => vec![(Observed::Failed, Some(reason))],
                None => {
                    vec![(Observed::Creating, None), (Observed::Starting, None), (Observed::Started, None)]
                }
            },
            Desired::Stopped | Desired::Killed if !sandbox.has_files => {
                vec![(Observed::Lost, Some("its files are gone".to_owned()))]
            }
            Desired::Stopped | Desired::Killed => vec![(Observed::Stopped, None)],
            Desired::Evicted | Desired::Absent => match script.removal_failure {
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
            match state {
                Observed::Started => {
                    (sandbox.runs, sandbox.resources) = (true, Some(wish.spec.resources));
                    sandbox.has_ended = false;
                }
                Observed::Stopped | Observed::Absent => sandbox.runs = false,

                _ => {}
            }
            (sandbox.state, sandbox.reason) = (state, reason);
            drop(self.news.send(Event::Sandbox(sandbox.observation(id, script.is_curable))));
        }
        let Some(task) = wish.task.filter(|_| sandbox.state.is_settled()) else { return };
        sandbox.task = Some(TaskReport { id: task.id, state: TaskState::Running });
        drop(self.news.send(Event::Sandbox(sandbox.observation(id, script.is_curable))));
        if script.hold_tasks {
            return;
        }
        let state = match script.task_failure {
            Some(reason) => TaskState::Failed { reason },
            None => outcome(task),
        };
        sandbox.task = Some(TaskReport { id: task.id, state: state.clone() });
        drop(self.news.send(Event::Sandbox(sandbox.observation(id, script.is_curable))));
        if let (TaskState::Exported(_), TaskKind::Snapshot { layer, .. }) = (&state, task.kind) {
            inner.layers.insert(layer);
        }
        if let (TaskState::Forked, TaskKind::Fork { child }) = (state, task.kind) {
            inner.sandboxes.insert(child, Sandbox::new(Observed::Stopped, true));
        }
    }

    pub(super) fn layers(&self) -> Vec<ObjectId> {
        self.lock().layers.iter().copied().collect()
    }

    pub(super) fn delete_layer(&self, id: ObjectId) -> Result<(), String> {
        let mut inner = self.lock();
        match inner.script.layer_failure.clone() {
            Some(reason) => Err(reason),
            None => {
                inner.layers.remove(&id);
                Ok(())
            }
        }
    }

    pub(super) fn observe(&self, id: SandboxId, state: Observed, reason: Option<String>) {
        if let Some(sandbox) = self.lock().sandboxes.get_mut(&id) {
            sandbox.runs = state == Observed::Started;
            sandbox.has_ended = state == Observed::Stopped;
            (sandbox.state, sandbox.reason) = (state, reason);
            drop(self.news.send(Event::Sandbox(sandbox.observation(id, false))));
        }
    }

    pub(super) fn lose(&self, id: SandboxId) {
        self.lock().sandboxes.remove(&id);
    }

    pub(super) fn report_lost(&self, id: SandboxId) {
        if let Some(sandbox) = self.lock().sandboxes.get_mut(&id) {
            (sandbox.state, sandbox.has_files) = (Observed::Lost, false);
            drop(self.news.send(Event::Sandbox(sandbox.observation(id, false))));
        }
    }

    pub(super) fn forget_wishes(&self) {
        for sandbox in self.lock().sandboxes.values_mut() {
            sandbox.generation = None;
        }
    }

    pub(super) fn plant(&self, id: SandboxId) {
        let sandbox = Sandbox::new(Observed::Started, true);
        drop(self.news.send(Event::Sandbox(sandbox.observation(id, false))));
        self.lock().sandboxes.insert(id, sandbox);
    }

    pub(super) fn lose_work_under_way(&self) {
        self.lock().sandboxes.retain(|_, sandbox| sandbox.state.is_settled());
    }

    /// Every root file system is there at once, and takes a GiB.
    pub(super) fn prepare_root(&self, root: RootRef) -> RootStatus {
        RootStatus { root, state: RootState::Ready, size_bytes: Some(1 << 30), detail: None }
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
    fn observation(&self, id: SandboxId, curable: bool) -> Observation {
        Observation {
            id,
            generation: self.generation,
            state: self.state,
            reason: self.reason.clone(),
            curable,
            task: self.task.clone(),
            daemon_version: (self.state == Observed::Started).then(|| "0.0.1-fake".to_owned()),
        }
    }
}

fn first_step(wish: &Wish, sandbox: &Sandbox, is_root_ready: bool) -> Observed {
    match wish.desired {
        Desired::Started if sandbox.state == Observed::Paused => Observed::Resuming,
        Desired::Started if sandbox.runs => Observed::Resizing,
        Desired::Started if !is_root_ready => Observed::WaitingForRoot,
        Desired::Started if sandbox.has_files => Observed::Starting,
        Desired::Started if wish.existence == Existence::Restore => Observed::Restoring,
        Desired::Started => Observed::Creating,
        Desired::Paused if sandbox.runs => Observed::Pausing,
        Desired::Paused => sandbox.state,
        Desired::Stopped | Desired::Killed => Observed::Stopping,
        Desired::Evicted | Desired::Absent => Observed::Removing,
    }
}

/// What comes of a task that goes well.
fn outcome(task: Task) -> TaskState {
    let exported = |id: ObjectId| {
        let digest = Sha256::try_from("0a".repeat(32)).expect("64 digits");
        TaskState::Exported(StoredObject { id, digest, size_bytes: 4096 })
    };
    match task.kind {
        TaskKind::Fork { .. } => TaskState::Forked,
        TaskKind::Snapshot { layer, .. } => exported(layer),
        TaskKind::Archive { archive } | TaskKind::Backup { archive } => exported(archive),
    }
}
