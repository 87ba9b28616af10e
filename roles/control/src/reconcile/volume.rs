//! Repairs: a volume that is not as wished.
//!
//! Volumes are few and change seldom, so each look loads all that are on their way somewhere. What fails is looked at
//! again a second later; what a runner refuses by name becomes the volume's `error`.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt;
use paddock_planner::volume::{Step, Users, plan};
use paddock_store::VolumeRecord;
use paddock_types::{VolumeId, VolumeState};
use paddock_wire_runner::{DesiredVolume, VolumeSight};
use tokio::time::{MissedTickBehavior, interval};

use crate::app::error::chain;
use crate::app::{App, Error, volume};
use crate::clock::Stopwatch;
use crate::failpoints::{self, Moment, Operation};

/// How often what is on its way is looked at, though nobody asked.
const PERIOD: Duration = Duration::from_secs(1);
/// How many are worked on at once.
const AT_ONCE: usize = 8;
/// The most steps of one look at one volume.
const MOST_STEPS: usize = 4;

/// Since when volumes are in the state that they are in, as far as this process has seen.
#[derive(Default)]
struct Phases(HashMap<VolumeId, (VolumeState, Duration)>);

impl Phases {
    /// Notes what is seen now and forgets what is not. Gives back how long each has been as it is.
    fn see(&mut self, seen: &[VolumeRecord], now: Duration) -> HashMap<VolumeId, Duration> {
        let before = std::mem::take(&mut self.0);
        for record in seen {
            let known = before.get(&record.id).filter(|(state, _)| *state == record.state);
            self.0.insert(record.id, (record.state, known.map_or(now, |(_, since)| *since)));
        }
        self.0.iter().map(|(id, (_, since))| (*id, now.saturating_sub(*since))).collect()
    }
}

/// Looks at volumes until the task is dropped.
pub(super) async fn watch(app: App) {
    let clock = Stopwatch::start();
    let mut phases = Phases::default();
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = app.volumes.bell.notified() => {}
        }
        let unsettled = match app.store.list_unsettled_volumes().await {
            Ok(unsettled) => unsettled,
            Err(error) => {
                tracing::warn!(error = chain(&error), "volumes could not be loaded");
                continue;
            }
        };
        let times = phases.see(&unsettled, clock.elapsed());
        let look = |record: VolumeRecord| {
            let since = times.get(&record.id).copied().unwrap_or_default();
            look(&app, record, since)
        };
        futures_util::stream::iter(unsettled).for_each_concurrent(AT_ONCE, look).await;
    }
}

/// Brings one volume as far as it gets.
async fn look(app: &App, mut record: VolumeRecord, mut since: Duration) {
    let id = record.id;
    for _ in 0..MOST_STEPS {
        match step(app, record, since).await {
            Ok(Some(next)) => (record, since) = (next, Duration::ZERO),
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(volume.id = %id, ?error, "a step for a volume failed; it is tried again");
                return;
            }
        }
    }
}

/// One step. `None`: there is nothing more to do now.
async fn step(app: &App, record: VolumeRecord, since: Duration) -> Result<Option<VolumeRecord>, Error> {
    let is_leaving =
        record.state == VolumeState::PendingDelete && app.store.is_volume_mounted(record.id).await?;
    let users = if is_leaving { Users::Leaving } else { Users::None };
    match plan(record.state, users, since) {
        Step::Nothing | Step::Wait => Ok(None),
        Step::Record(state) => volume::record(app, &record, state, None).await,
        Step::AskPresent => ask(app, record, DesiredVolume::Present).await,
        Step::AskAbsent => ask(app, record, DesiredVolume::Absent).await,
        Step::GiveUp => {
            let reason = "no runner did what was asked in time".to_owned();
            end(app, &record, VolumeState::Error, Some(reason)).await
        }
    }
}

/// Asks the runner, and records what came of it.
async fn ask(app: &App, record: VolumeRecord, desired: DesiredVolume) -> Result<Option<VolumeRecord>, Error> {
    failpoints::hit(operation(record.state), Moment::BeforeWish)?;
    let answer = app.runner.put_volume(record.id, desired).await;
    failpoints::hit(operation(record.state), Moment::AfterWish)?;
    match (answer, desired) {
        (Ok(VolumeSight::Present), DesiredVolume::Present) => {
            end(app, &record, VolumeState::Ready, None).await
        }
        (Ok(VolumeSight::Absent), DesiredVolume::Absent) => {
            end(app, &record, VolumeState::Deleted, None).await
        }
        (Ok(VolumeSight::Failed { reason }), _) => end(app, &record, VolumeState::Error, Some(reason)).await,
        (Ok(VolumeSight::Working | VolumeSight::Present | VolumeSight::Absent), _) => Ok(None),
        (Err(error), _) => {
            tracing::debug!(volume.id = %record.id, %error, "the runner could not be asked for a volume; it is asked again");
            Ok(None)
        }
    }
}

async fn end(
    app: &App,
    record: &VolumeRecord,
    state: VolumeState,
    reason: Option<String>,
) -> Result<Option<VolumeRecord>, Error> {
    failpoints::hit(operation(record.state), Moment::BeforeRecord)?;
    let changed = volume::record(app, record, state, reason).await?;
    failpoints::hit(operation(record.state), Moment::AfterRecord)?;
    if let Some(VolumeRecord { id, organization, state, error_reason, .. }) = &changed {
        tracing::info!(volume.id = %id, organization.id = %organization, to = %state, reason = error_reason, "a volume has changed");
    }
    Ok(changed)
}

/// Which operation a state is the middle of.
fn operation(state: VolumeState) -> Operation {
    match state {
        VolumeState::PendingCreate | VolumeState::Creating | VolumeState::Ready | VolumeState::Error => {
            Operation::CreateVolume
        }
        VolumeState::PendingDelete | VolumeState::Deleting | VolumeState::Deleted => Operation::DeleteVolume,
    }
}
