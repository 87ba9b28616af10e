//! Volumes: making and removing them as control wishes, and opening them for sandboxes that start.
//!
//! A wish is answered as soon as it is fulfilled, or after [`ANSWER_LIMIT`] with "ask again" while the work goes on. Nothing
//! is kept on disk of a wish: asking again is control's.
//!
//! Invariant: what was wished to be gone is not made again, whatever wish arrives late. Ids are used once, and a request
//! does not outlive this process, so remembering the newest removals in memory is enough.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use paddock_driver_runtime::{Ids, Mount};
use paddock_types::{SandboxId, VolumeId, VolumeMount};
use paddock_wire_runner::{DesiredVolume, VolumeReport, VolumeSight};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::{Context, chain};

/// The fail points of a volume's making and removal, in order.
pub const VOLUME_STEPS: [&str; 4] = [
    "runner.volume.before_make",
    "runner.volume.after_make",
    "runner.volume.before_remove",
    "runner.volume.after_remove",
];

/// How long an answer waits for the work behind it.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// How many removals are remembered. A request that was overtaken arrives within seconds, not after so many others.
const MOST_REMEMBERED: usize = 4096;

/// What is being done, and what was removed.
#[derive(Debug, Default)]
pub(crate) struct Volumes(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    under_way: HashMap<VolumeId, Work>,
    removed: VecDeque<VolumeId>,
}

/// Work on one volume, and where its end is told.
#[derive(Debug, Clone)]
struct Work {
    desired: DesiredVolume,
    end: watch::Receiver<Option<VolumeSight>>,
}

impl Volumes {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does what is wished, or goes on doing it, and says how far that is. A caller who stops waiting changes nothing.
pub(crate) async fn wish(context: &Arc<Context>, id: VolumeId, desired: DesiredVolume) -> VolumeReport {
    let report = |state| VolumeReport { id, state };
    let Some(mut work) = begin(context, id, desired) else {
        return report(VolumeSight::Failed { reason: "it was removed".to_owned() });
    };
    let ended = timeout(ANSWER_LIMIT, work.end.wait_for(Option::is_some)).await;
    match ended {
        // Something else was under way: it has to end first.
        _ if work.desired != desired => report(VolumeSight::Working),
        Ok(Ok(sight)) => report(sight.clone().unwrap_or(VolumeSight::Working)),
        Ok(Err(_)) => report(VolumeSight::Failed { reason: "the work broke off".to_owned() }),
        Err(_) => report(VolumeSight::Working),
    }
}

/// What is to be done about a wish.
#[derive(Debug)]
enum Reception {
    /// Wait for what is under way.
    Join(Work),
    /// Begin, and tell the end here.
    Begin(Work, watch::Sender<Option<VolumeSight>>),
    /// It was removed, and is not made again.
    Refuse,
}

impl Inner {
    fn receive(&mut self, id: VolumeId, desired: DesiredVolume) -> Reception {
        if let Some(work) = self.under_way.get(&id) {
            return Reception::Join(work.clone());
        }
        match desired {
            DesiredVolume::Present if self.removed.contains(&id) => return Reception::Refuse,
            DesiredVolume::Present => {}
            DesiredVolume::Absent => self.remember_removal(id),
        }
        let (sender, end) = watch::channel(None);
        let work = Work { desired, end };
        self.under_way.insert(id, work.clone());
        Reception::Begin(work, sender)
    }

    fn remember_removal(&mut self, id: VolumeId) {
        if !self.removed.contains(&id) {
            self.removed.push_back(id);
        }
        if self.removed.len() > MOST_REMEMBERED {
            self.removed.pop_front();
        }
    }
}

/// The work under way on a volume, begun if there is none. `None`: it is not made any more.
fn begin(context: &Arc<Context>, id: VolumeId, desired: DesiredVolume) -> Option<Work> {
    let reception = context.volumes.lock().receive(id, desired);
    let (work, sender) = match reception {
        Reception::Join(work) => return Some(work),
        Reception::Begin(work, sender) => (work, sender),
        Reception::Refuse => return None,
    };
    let context = Arc::clone(context);
    tokio::spawn(async move {
        let working = Arc::clone(&context);
        let done = tokio::task::spawn_blocking(move || act(&working, id, desired)).await;
        let sight = match (done.unwrap_or_else(|_| Err("the work broke off".to_owned())), desired) {
            (Ok(()), DesiredVolume::Present) => VolumeSight::Present,
            (Ok(()), DesiredVolume::Absent) => VolumeSight::Absent,
            (Err(reason), _) => {
                tracing::warn!(volume.id = %id, ?desired, reason, "a volume is not as wished");
                VolumeSight::Failed { reason }
            }
        };
        // Who asks from here on begins anew.
        context.volumes.lock().under_way.remove(&id);
        sender.send_replace(Some(sight));
    });
    Some(work)
}

fn act(context: &Context, id: VolumeId, desired: DesiredVolume) -> Result<(), String> {
    let hit = |point| paddock_failpoint::hit(point).map_err(|error| error.to_string());
    let volumes = &context.drivers.volumes;
    match desired {
        DesiredVolume::Present => {
            hit("runner.volume.before_make")?;
            volumes.ensure(id).map_err(|error| chain(&error))?;
            hit("runner.volume.after_make")
        }
        DesiredVolume::Absent => {
            hit("runner.volume.before_remove")?;
            volumes.delete(id).map_err(|error| chain(&error))?;
            hit("runner.volume.after_remove")
        }
    }
}

/// Opens what a sandbox mounts. Blocks. What was opened is given back by [`close`], also after an error.
pub(crate) fn open(
    context: &Context,
    id: SandboxId,
    mounts: &[VolumeMount],
) -> Result<Vec<Mount>, paddock_driver_volume::Error> {
    let volumes = &context.drivers.volumes;
    let ids = if volumes.info().maps_ids { Ids::Mapped } else { Ids::AsOnHost };
    mounts
        .iter()
        .map(|mount| {
            let tree = volumes.open(mount.volume, mount.subpath.as_ref(), id)?;
            Ok(Mount { tree, path: mount.path.to_string(), ids })
        })
        .collect()
}

/// A sandbox does not run any more: gives back what was opened for it. Blocks; may be repeated.
pub(crate) fn close(context: &Context, id: SandboxId) -> Result<(), paddock_driver_volume::Error> {
    context.drivers.volumes.close(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is under way ends.
    fn end(inner: &mut Inner, id: VolumeId) {
        assert!(inner.under_way.remove(&id).is_some());
    }

    #[test]
    fn a_wish_that_is_repeated_joins_the_work_under_way() {
        let (mut inner, id) = (Inner::default(), VolumeId::random());
        assert!(matches!(inner.receive(id, DesiredVolume::Present), Reception::Begin(..)));
        assert!(matches!(inner.receive(id, DesiredVolume::Present), Reception::Join(_)));
        let Reception::Join(work) = inner.receive(id, DesiredVolume::Absent) else { panic!("one at a time") };
        assert_eq!(work.desired, DesiredVolume::Present);
        end(&mut inner, id);
        assert!(
            matches!(inner.receive(id, DesiredVolume::Present), Reception::Begin(..)),
            "and may be repeated"
        );
    }

    #[test]
    fn what_was_removed_is_not_made_again_by_a_request_that_was_overtaken() {
        let (mut inner, id) = (Inner::default(), VolumeId::random());
        assert!(matches!(inner.receive(id, DesiredVolume::Absent), Reception::Begin(..)));
        end(&mut inner, id);
        assert!(matches!(inner.receive(id, DesiredVolume::Present), Reception::Refuse));
        assert!(
            matches!(inner.receive(id, DesiredVolume::Absent), Reception::Begin(..)),
            "its removal is repeated"
        );
        end(&mut inner, id);
        assert!(matches!(inner.receive(VolumeId::random(), DesiredVolume::Present), Reception::Begin(..)));
        for _ in 0..2 * MOST_REMEMBERED {
            let other = VolumeId::random();
            inner.receive(other, DesiredVolume::Absent);
            end(&mut inner, other);
        }
        assert_eq!(inner.removed.len(), MOST_REMEMBERED, "memory is bounded");
    }
}
