//! What the runner says, as far as it has been heard.
//!
//! Invariant: what is here was said on the connection that is open now. When it breaks, everything is
//! unknown again until the runner has said it anew.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use paddock_planner::sandbox::{HostState, Observed as Seeing, Seen, TaskSight};
use paddock_types::{RunnerId, SandboxId, TaskId};
use paddock_wire_runner::{Desired, Observation, Observed, RunnerInfo, TaskReport, TaskState};

/// Everything that the runner has said on the open connection.
#[derive(Debug, Default)]
pub(crate) struct Mirror(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    session: Option<Session>,
    /// Counts sessions.
    sessions: u64,
    seen: HashMap<SandboxId, Entry>,
    /// Counts changes, to tell whether an entry has changed meanwhile.
    ticks: u64,
}

#[derive(Debug)]
struct Session {
    runner: RunnerInfo,
    /// Whether the runner has named every sandbox that it has.
    in_sync: bool,
}

#[derive(Debug)]
struct Entry {
    observation: Observation,
    tick: u64,
}

/// What is known of one sandbox.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// For the planner.
    pub(crate) observed: Seeing,
    /// Why it is so.
    pub(crate) reason: Option<String>,
    /// Whether another try may cure it.
    pub(crate) curable: bool,
    /// The newest task that the runner speaks of.
    pub(crate) task: Option<TaskReport>,
    /// The version of the toolbox inside.
    pub(crate) daemon_version: Option<String>,
    /// Who says so.
    pub(crate) runner: Option<RunnerId>,
    /// The tick of what is known; changes with it.
    pub(crate) tick: u64,
    /// Which of the connections this was said on.
    pub(crate) session: u64,
}

impl Mirror {
    /// A runner begins to speak: everything that was said before is void.
    pub(crate) fn begin(&self, runner: RunnerInfo) {
        let mut inner = self.lock();
        inner.seen.clear();
        inner.sessions += 1;
        inner.session = Some(Session { runner, in_sync: false });
    }

    /// The runner has named everything that it has.
    pub(crate) fn in_sync(&self) {
        if let Some(session) = &mut self.lock().session {
            session.in_sync = true;
        }
    }

    /// The connection broke.
    pub(crate) fn end(&self) {
        let mut inner = self.lock();
        inner.seen.clear();
        inner.session = None;
    }

    /// The runner that speaks, once everything is known.
    pub(crate) fn runner(&self) -> Option<RunnerInfo> {
        self.lock().session.as_ref().filter(|session| session.in_sync).map(|session| session.runner.clone())
    }

    /// Takes in an event. One that answers an older wish than what is known is old news.
    pub(crate) fn event(&self, observation: Observation) {
        let mut inner = self.lock();
        let known = inner.seen.get(&observation.id).and_then(|entry| entry.observation.generation);
        if inner.session.is_some() && observation.generation >= known {
            inner.put(observation);
        }
    }

    /// Takes in the answer to a wish that was sent while `tick` was known. Answers and events come
    /// on different connections: an answer counts only if nothing was heard since. A runner that has
    /// just accepted a wish for a sandbox new to it has nothing of it *yet*: only an answer to the wish
    /// that it be gone says that nothing is there.
    pub(crate) fn answer(&self, tick: u64, desired: Desired, mut observation: Observation) {
        if observation.state == Observed::Absent && !desired.is_gone() {
            return;
        }
        let mut inner = self.lock();
        let entry = inner.seen.get(&observation.id);
        let known = entry.map_or((0, None), |entry| (entry.tick, entry.observation.generation));
        let is_news = known.0 == tick || observation.generation > known.1;
        if inner.session.is_some() && is_news && observation.generation >= known.1 {
            // Whatever stopped it did so before this wish.
            if observation.state == Observed::Stopped {
                observation.reason = None;
            }
            inner.put(observation);
        }
    }

    /// What is known of one sandbox.
    pub(crate) fn view(&self, id: SandboxId) -> View {
        let inner = self.lock();
        let runner = inner.session.as_ref().map(|session| session.runner.id);
        let session = inner.sessions;
        let nothing = |observed| View {
            observed,
            reason: None,
            curable: false,
            task: None,
            daemon_version: None,
            runner,
            tick: 0,
            session,
        };
        match (&inner.session, inner.seen.get(&id)) {
            (Some(_), Some(Entry { observation, tick })) => View {
                observed: Seeing::Seen(Seen {
                    state: host_state(observation.state),
                    generation: observation.generation,
                    has_reason: observation.reason.is_some(),
                    task: observation.task.as_ref().map(sight),
                }),
                reason: observation.reason.clone(),
                curable: observation.curable,
                task: observation.task.clone(),
                daemon_version: observation.daemon_version.clone(),
                runner,
                tick: *tick,
                session,
            },
            (Some(current), None) if current.in_sync => nothing(Seeing::Seen(Seen {
                state: HostState::Absent,
                generation: None,
                has_reason: false,
                task: None,
            })),
            _ => nothing(Seeing::Unknown),
        }
    }

    /// Every sandbox that the runner has named.
    pub(crate) fn named(&self) -> Vec<SandboxId> {
        self.lock().seen.keys().copied().collect()
    }

    /// Forgets a sandbox of which nothing is left.
    pub(crate) fn forget_absent(&self, id: SandboxId) {
        let mut inner = self.lock();
        if inner.seen.get(&id).is_some_and(|entry| entry.observation.state == Observed::Absent) {
            inner.seen.remove(&id);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn put(&mut self, observation: Observation) {
        self.ticks += 1;
        self.seen.insert(observation.id, Entry { observation, tick: self.ticks });
    }
}

fn sight(report: &TaskReport) -> (TaskId, TaskSight) {
    let sight = match report.state {
        TaskState::Running => TaskSight::Running,
        TaskState::Forked | TaskState::Exported(_) | TaskState::Failed { .. } => TaskSight::Ended,
    };
    (report.id, sight)
}

fn host_state(state: Observed) -> HostState {
    match state {
        Observed::WaitingForRoot => HostState::WaitingForRoot,
        Observed::Creating => HostState::Creating,
        Observed::Restoring => HostState::Restoring,
        Observed::Resizing => HostState::Resizing,
        Observed::Pausing => HostState::Pausing,
        Observed::Paused => HostState::Paused,
        Observed::Resuming => HostState::Resuming,
        Observed::Starting => HostState::Starting,
        Observed::Started => HostState::Started,
        Observed::Stopping => HostState::Stopping,
        Observed::Stopped => HostState::Stopped,
        Observed::Removing => HostState::Removing,
        Observed::Absent => HostState::Absent,
        Observed::Lost => HostState::Lost,
        Observed::Failed => HostState::Failed,
    }
}

#[cfg(test)]
mod tests {
    use paddock_types::Generation;
    use paddock_wire_runner::PROTOCOL_VERSION;

    use super::*;

    fn observation(id: SandboxId, number: u64, state: Observed) -> Observation {
        let generation = Some(Generation { epoch: 1, number });
        Observation { id, generation, state, reason: None, curable: false, daemon_version: None, task: None }
    }

    fn connected() -> Mirror {
        let mirror = Mirror::default();
        let version = "1".to_owned();
        mirror.begin(RunnerInfo { id: RunnerId::random(), protocol: PROTOCOL_VERSION, version });
        mirror
    }

    fn state(mirror: &Mirror, id: SandboxId) -> Option<HostState> {
        match mirror.view(id).observed {
            Seeing::Unknown => None,
            Seeing::Seen(seen) => Some(seen.state),
        }
    }

    #[test]
    fn what_was_not_named_is_unknown_until_everything_is() {
        let (mirror, id) = (connected(), SandboxId::random());
        assert_eq!(state(&mirror, id), None);
        mirror.in_sync();
        assert_eq!(state(&mirror, id), Some(HostState::Absent));
        mirror.end();
        assert_eq!(state(&mirror, id), None);
        mirror.event(observation(id, 1, Observed::Started));
        assert_eq!(state(&mirror, id), None, "nobody speaks");
    }

    #[test]
    fn old_news_is_dropped() {
        let (mirror, id) = (connected(), SandboxId::random());
        mirror.event(observation(id, 2, Observed::Started));
        mirror.event(observation(id, 1, Observed::Stopped));
        assert_eq!(state(&mirror, id), Some(HostState::Started));
    }

    #[test]
    fn an_answer_that_events_have_overtaken_is_dropped() {
        let (mirror, id) = (connected(), SandboxId::random());
        mirror.event(observation(id, 1, Observed::Creating));
        let before = mirror.view(id).tick;
        mirror.event(observation(id, 1, Observed::Started));
        mirror.answer(before, Desired::Started, observation(id, 1, Observed::Creating));
        assert_eq!(state(&mirror, id), Some(HostState::Started));
        let before = mirror.view(id).tick;
        mirror.answer(before, Desired::Started, observation(id, 1, Observed::Stopping));
        assert_eq!(state(&mirror, id), Some(HostState::Stopping), "nothing was heard meanwhile");
        mirror.answer(before, Desired::Started, observation(id, 2, Observed::Starting));
        assert_eq!(state(&mirror, id), Some(HostState::Starting), "a newer wish is answered");
    }

    #[test]
    fn an_answer_does_not_blame_the_new_wish_for_an_old_stop() {
        let (mirror, id) = (connected(), SandboxId::random());
        let mut stopped = observation(id, 1, Observed::Stopped);
        stopped.reason = Some("out of memory".to_owned());
        mirror.event(stopped.clone());
        assert_eq!(mirror.view(id).reason.as_deref(), Some("out of memory"));
        stopped.generation = Some(Generation { epoch: 1, number: 2 });
        mirror.answer(mirror.view(id).tick, Desired::Started, stopped);
        assert_eq!(mirror.view(id).reason, None);
    }

    #[test]
    fn an_accepted_wish_for_something_new_is_not_taken_for_its_loss() {
        let (mirror, id) = (connected(), SandboxId::random());
        mirror.in_sync();
        mirror.answer(0, Desired::Stopped, observation(id, 1, Observed::Absent));
        let Seeing::Seen(seen) = mirror.view(id).observed else { panic!("the runner is in sync") };
        assert_eq!(seen.generation, None, "nothing was said of this wish yet");
        mirror.answer(0, Desired::Absent, observation(id, 1, Observed::Absent));
        let Seeing::Seen(seen) = mirror.view(id).observed else { panic!("the runner is in sync") };
        assert_eq!(
            (seen.state, seen.generation),
            (HostState::Absent, Some(Generation { epoch: 1, number: 1 }))
        );
    }
}
