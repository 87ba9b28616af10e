//! Repairs: a sandbox that is not as wished, or not as shown.
//!
//! Looks at the record and at what the runner says, asks the planner, and does what it says, until
//! there is nothing to do but wait. A step that fails is tried again in the next period.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use paddock_planner::sandbox::{Change, Failure, Moment, Observed, Sandbox, Step, Times, plan};
use paddock_store::SandboxRecord;
use paddock_store::sandbox::SandboxStatus;
use paddock_types::{DesiredState, Generation, SandboxId, SandboxState};
use tracing::Instrument;

use super::apply::apply;
use super::conclude::conclude;
use super::wish::wish;
use crate::app::error::chain;
use crate::app::sandbox::{commit, link, retention};
use crate::app::{App, Error};
use crate::clock::{self, Stopwatch};
use crate::failpoints::{self, Moment as Point, Operation};
use crate::runners::client::{RunnerClient, WishError};
use crate::runners::mirror::View;

/// The most steps of one look. More mean that somebody changes the record all the time; the next look
/// goes on from there.
const MOST_STEPS: usize = 20;

/// Whether a sandbox has to be looked at again though nobody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// All is done.
    AtRest,
    /// Something is left: a wait, or a step that failed.
    Restless,
}

/// Makes the wishes for sandboxes come true.
pub(crate) struct Reconciler {
    app: App,
    client: RunnerClient,
    clock: Stopwatch,
    phases: Mutex<HashMap<SandboxId, Phase>>,
}

/// One wish in one shown state, as far as this process has seen it.
#[derive(Debug, Clone, Copy)]
struct Phase {
    generation: Generation,
    state: SandboxState,
    since: Moment,
    /// When, and on which connection to the runner: one that has restarted may have forgotten.
    asked: Option<(Moment, u64)>,
}

/// What a step came to.
enum Outcome {
    GoOn,
    Rest(Rest),
}

impl Reconciler {
    pub(crate) fn new(app: App) -> Self {
        let client = app.runner.clone();
        Self { app, client, clock: Stopwatch::start(), phases: Mutex::default() }
    }

    pub(crate) fn client(&self) -> RunnerClient {
        self.client.clone()
    }

    /// Looks at one sandbox and does what is to be done. May be repeated at any time, but not for the
    /// same sandbox at once.
    pub(super) async fn look(&self, id: SandboxId) -> Rest {
        for _ in 0..MOST_STEPS {
            match self.step(id).await {
                Ok(Outcome::GoOn) => {}
                Ok(Outcome::Rest(rest)) => return rest,
                Err(error) => {
                    tracing::warn!(sandbox.id = %id, ?error, "a step for a sandbox failed; it is tried again");
                    return Rest::Restless;
                }
            }
        }
        Rest::Restless
    }

    async fn step(&self, id: SandboxId) -> Result<Outcome, Error> {
        let view = self.app.mirror.view(id);
        let Some(record) = self.app.store.load_sandbox(id).await? else {
            self.leave_alone(id, &view);
            return Ok(Outcome::Rest(Rest::AtRest));
        };
        link::end_with_target(&self.app, &record).await?;
        let sandbox = Sandbox {
            desired: record.status.desired,
            generation: record.status.generation,
            state: record.status.state,
            existed: record.status.existed,
            retention: retention(&record),
            returns_to: record.status.returns_to,
            task: record.status.task.map(|task| task.id),
            awaits_parent: record.status.awaits_parent,
        };
        match plan(&sandbox, view.observed, self.times(&record, &view)) {
            Step::Nothing => {
                self.phases.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
                if record.status.state == SandboxState::Destroyed {
                    self.app.mirror.forget_absent(id);
                }
                Ok(Outcome::Rest(Rest::AtRest))
            }
            Step::WaitUntil(_) => Ok(Outcome::Rest(Rest::Restless)),
            Step::Ask => self.ask(&record, &view).await,
            Step::Record(change) => {
                if matches!(change, Change::Renumber | Change::Found(_))
                    && let Observed::Seen(seen) = view.observed
                    && let Some(seen) = seen.generation
                {
                    self.app.begin_epoch_after(seen).await?;
                }
                // What hangs on a task hears of its end first: after a crash in between it hears of it again.
                conclude(&self.app, &record, change, &view).await?;
                let next = self.app.next_generation(record.status.generation);
                let status = apply(&record, change, &view, next, clock::now());
                self.record(record, status).await
            }
        }
    }

    /// Sends the wish.
    async fn ask(&self, record: &SandboxRecord, view: &View) -> Result<Outcome, Error> {
        let wish = wish(record);
        let operation = operation(&record.status);
        failpoints::hit(operation, Point::BeforeWish)?;
        let span = tracing::debug_span!("wish", sandbox.id = %record.id);
        let answer = self.client.put_wish(record.id, &wish).instrument(span).await;
        failpoints::hit(operation, Point::AfterWish)?;
        match answer {
            Ok(observation) => {
                self.asked(record, view);
                self.app.mirror.answer(view.tick, wish.desired, observation);
                Ok(Outcome::GoOn)
            }
            Err(WishError::Outdated) => {
                self.app.begin_epoch_after(record.status.generation).await?;
                let next = self.app.next_generation(record.status.generation);
                let status = apply(record, Change::Renumber, view, next, clock::now());
                self.record(record.clone(), status).await
            }
            Err(WishError::Refused(reason)) => {
                self.asked(record, view);
                if record.status.state == SandboxState::Error {
                    return Ok(Outcome::Rest(Rest::Restless));
                }
                let view = View { reason: Some(reason), ..view.clone() };
                let failure = Change::Fail(Failure::Reported);
                conclude(&self.app, record, failure, &view).await?;
                let status = apply(record, failure, &view, record.status.generation, clock::now());
                self.record(record.clone(), status).await
            }
            Err(error @ WishError::Unanswered(_)) => {
                tracing::warn!(sandbox.id = %record.id, error = chain(&error), "a wish could not be sent; it is sent again");
                Ok(Outcome::Rest(Rest::Restless))
            }
        }
    }

    /// Replaces the status, if nobody else has changed it since it was loaded, and tells of it.
    async fn record(&self, record: SandboxRecord, status: SandboxStatus) -> Result<Outcome, Error> {
        let operation = operation(&record.status);
        failpoints::hit(operation, Point::BeforeRecord)?;
        let span = tracing::debug_span!("record", sandbox.id = %record.id, to = %status.state);
        let recorded = commit::status(&self.app, &record, status).instrument(span).await?;
        failpoints::hit(operation, Point::AfterRecord)?;
        if let Some(SandboxRecord { status, .. }) = recorded {
            if status.state == SandboxState::Destroyed && !record.root.layers.is_empty() {
                self.app.layers.notify_one();
            }
            tracing::info!(
                sandbox.id = %record.id,
                organization.id = %record.organization,
                from = %record.status.state,
                to = %status.state,
                desired = %status.desired,
                reason = status.error_reason,
                "a sandbox is seen to change"
            );
        }
        Ok(Outcome::GoOn)
    }

    /// Since when the sandbox is in this phase, and when the wish was last sent.
    fn times(&self, record: &SandboxRecord, view: &View) -> Times {
        let now = self.clock.elapsed();
        let (generation, state) = (record.status.generation, record.status.state);
        let mut phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner);
        let phase = phases.entry(record.id).or_insert(Phase { generation, state, since: now, asked: None });
        if phase.generation != generation {
            *phase = Phase { generation, state, since: now, asked: None };
        } else if phase.state != state {
            (phase.state, phase.since) = (state, now);
        }
        let asked = phase.asked.filter(|(_, session)| *session == view.session).map(|(moment, _)| moment);
        Times { now, since: phase.since, asked }
    }

    fn asked(&self, record: &SandboxRecord, view: &View) {
        let now = self.clock.elapsed();
        let mut phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(phase) = phases.get_mut(&record.id) {
            phase.asked = Some((now, view.session));
        }
    }

    /// A sandbox that the runner has and the store does not: never ours to delete. The database may
    /// be an older copy, or another server's.
    fn leave_alone(&self, id: SandboxId, view: &View) {
        self.phases.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        if let Observed::Seen(seen) = view.observed
            && seen.state != paddock_planner::sandbox::HostState::Absent
        {
            tracing::warn!(sandbox.id = %id, state = ?seen.state, "the runner has a sandbox that is not on record; it is left alone");
        }
        self.app.mirror.forget_absent(id);
    }
}

/// Which operation a status is the middle of.
fn operation(status: &SandboxStatus) -> Operation {
    match (status.desired, status.state) {
        (DesiredState::Destroyed, _) => Operation::Delete,
        (DesiredState::Archived, _) => Operation::Archive,
        (DesiredState::Paused, _) => Operation::Pause,
        (DesiredState::Resized, _) => Operation::Resize,
        (_, SandboxState::Forking) => Operation::Fork,
        (_, SandboxState::Snapshotting) => Operation::Snapshot,
        _ if status.task.is_some() => Operation::BackUp,
        (DesiredState::Stopped, _) => Operation::Stop,
        (DesiredState::Started, SandboxState::Resuming) => Operation::Resume,
        (DesiredState::Started, SandboxState::Restoring) => Operation::Restore,
        (DesiredState::Started, _) if status.existed => Operation::Start,
        (DesiredState::Started, _) => Operation::Create,
    }
}
