//! Repairs: a warm pool that does not have as many members as it should, and members that are of no use to any.
//!
//! What is so is in the records alone; what is kept here is how a pool's members failed of late. Whoever is handed out
//! between a look and a deletion is not deleted: the record is looked at again.

use std::collections::{BTreeMap, HashMap, HashSet};

use paddock_planner::request::Call;
use paddock_planner::warm_pool::{Failures, Moment, Plan, Standing, plan, standing};
use paddock_store::sandbox::PoolMember;
use paddock_store::{SnapshotRecord, WarmPoolRecord};
use paddock_types::{SandboxId, WarmPoolId};
use tokio::time::{MissedTickBehavior, interval};

use crate::app::error::chain;
use crate::app::sandbox::create::is_usable;
use crate::app::sandbox::{change, commit};
use crate::app::{App, Error, warm_pool};
use crate::clock::{self, Stopwatch};

/// How a pool's members have failed of late.
#[derive(Default)]
struct Trouble {
    failures: Failures,
    /// Those that were ready then: another one that is ready ends the trouble.
    ready_then: HashSet<SandboxId>,
    /// Failed members that are counted already.
    counted: HashSet<SandboxId>,
}

/// Looks at all pools whenever something of them changes, and now and then.
pub(super) async fn tend(app: App) {
    let clock = Stopwatch::start();
    let mut troubles: HashMap<WarmPoolId, Trouble> = HashMap::new();
    let mut ticks = interval(app.config.timer_period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = app.pools.notified() => {}
            _ = ticks.tick() => {}
        }
        if let Err(error) = look(&app, &mut troubles, clock.elapsed()).await {
            tracing::warn!(?error, "warm pools could not be tended; they are looked at again");
        }
    }
}

async fn look(app: &App, troubles: &mut HashMap<WarmPoolId, Trouble>, now: Moment) -> Result<(), Error> {
    // The members first: a pool that has one was there before it.
    let mut members: BTreeMap<WarmPoolId, Vec<PoolMember>> = BTreeMap::new();
    for member in app.store.list_pool_members().await? {
        members.entry(member.pool).or_default().push(member);
    }
    let pools = app.store.list_all_warm_pools().await?;
    troubles.retain(|id, _| pools.iter().any(|pool| pool.id == *id));
    for pool in pools {
        let members = members.remove(&pool.id).unwrap_or_default();
        // What is wrong with one pool is not another's.
        if let Err(error) = tend_one(app, &pool, &members, troubles.entry(pool.id).or_default(), now).await {
            tracing::warn!(warm_pool.id = %pool.id, ?error, "a warm pool could not be tended; it is looked at again");
        }
    }
    for orphan in members.into_values().flatten() {
        if standing(orphan.state, orphan.desired) != Standing::Leaving
            && let Err(error) = delete(app, orphan.id).await
        {
            tracing::warn!(sandbox.id = %orphan.id, ?error, "a member without a pool could not be removed yet");
        }
    }
    Ok(())
}

/// One pool, with its members, the oldest first.
async fn tend_one(
    app: &App,
    pool: &WarmPoolRecord,
    members: &[PoolMember],
    trouble: &mut Trouble,
    now: Moment,
) -> Result<(), Error> {
    let snapshot = app.store.load_snapshot(pool.organization, pool.snapshot).await?;
    let snapshot = snapshot.filter(is_usable);
    let standings: Vec<Standing> =
        members.iter().map(|member| standing(member.state, member.desired)).collect();
    let failure = trouble.take_in(members, &standings, now);
    let reason = match (&snapshot, failure) {
        (None, _) => Some(format!("snapshot {:?} is not there or not active", pool.snapshot_name)),
        (Some(_), Some(failure)) => Some(failure),
        (Some(_), None) if trouble.failures == Failures::default() && is_full(pool, &standings) => None,
        (Some(_), None) => pool.error_reason.clone(),
    };
    if reason != pool.error_reason {
        app.store.set_warm_pool_error(pool.id, reason, clock::now()).await?;
    }
    let size = if snapshot.is_some() { usize::try_from(pool.size).unwrap_or(usize::MAX) } else { 0 };
    let Plan { delete: dispensable, make } = plan(size, &standings, trouble.failures, now);
    for place in dispensable {
        if let Some(member) = members.get(place) {
            delete(app, member.id).await?;
        }
    }
    if let Some(snapshot) = snapshot {
        fill(app, pool, &snapshot, make).await?;
    }
    Ok(())
}

/// Whether every member that the pool should have waits: whatever was wrong is over.
fn is_full(pool: &WarmPoolRecord, standings: &[Standing]) -> bool {
    let ready = standings.iter().filter(|standing| **standing == Standing::Ready).count();
    u64::try_from(ready).is_ok_and(|ready| ready >= u64::from(pool.size))
}

impl Trouble {
    /// Notes what has failed since the last look, and what has come up. The newest failure's reason.
    fn take_in(&mut self, members: &[PoolMember], standings: &[Standing], now: Moment) -> Option<String> {
        let of = |wanted: Standing| {
            let pairs = members.iter().zip(standings);
            pairs.filter(move |(_, standing)| **standing == wanted).map(|(member, _)| member)
        };
        let fresh: Vec<&PoolMember> =
            of(Standing::Useless).filter(|member| !self.counted.contains(&member.id)).collect();
        let reason = fresh.last().map(|member| {
            let reason = member.error_reason.clone();
            reason.unwrap_or_else(|| format!("a sandbox of the pool is {}", member.state))
        });
        if reason.is_some() {
            self.failures = self.failures.and_one_more(now);
            self.ready_then = of(Standing::Ready).map(|member| member.id).collect();
        } else if of(Standing::Ready).any(|member| !self.ready_then.contains(&member.id)) {
            self.failures = Failures::default();
        }
        self.counted = of(Standing::Useless).map(|member| member.id).collect();
        reason
    }
}

/// Makes members, as long as there is room.
async fn fill(
    app: &App,
    pool: &WarmPoolRecord,
    snapshot: &SnapshotRecord,
    count: usize,
) -> Result<(), Error> {
    for _ in 0..count {
        let member = warm_pool::member_of(app, pool, snapshot);
        let id = member.id;
        if !commit::insert_member(app, pool.id, member).await? {
            break;
        }
        tracing::debug!(sandbox.id = %id, warm_pool.id = %pool.id, "a sandbox is made for a warm pool");
        app.queue.wake(id);
    }
    Ok(())
}

/// Deletes a member, unless it has become somebody's.
async fn delete(app: &App, id: SandboxId) -> Result<(), Error> {
    let Some(record) = app.store.load_sandbox(id).await? else { return Ok(()) };
    match change::by_timer(app, record, Call::Delete, |record| record.warm_pool.is_some()).await {
        Ok(_) => tracing::info!(sandbox.id = %id, "a sandbox of a warm pool is not needed any more"),
        Err(Error::Conflict(reason) | Error::Invalid(reason) | Error::NotFound(reason)) => {
            tracing::debug!(sandbox.id = %id, reason, "a sandbox of a warm pool is not deleted");
        }
        Err(Error::Unavailable(cause)) => {
            tracing::warn!(sandbox.id = %id, error = chain(&*cause), "a sandbox of a warm pool could not be deleted");
        }
        Err(error) => return Err(error),
    }
    Ok(())
}
