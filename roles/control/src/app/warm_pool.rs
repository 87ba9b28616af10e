//! Warm pools: which sandboxes are kept ready, and handing one of them out. Keeping them is
//! `reconcile/warm_pools.rs`.

use std::time::Duration;

use paddock_planner::sandbox::{HostState, Observed as Known};
use paddock_store::sandbox::{ClaimOutcome, ReadyMember, SandboxStatus};
use paddock_store::{PoolOutcome, SandboxRecord, SnapshotRecord, WarmPoolRecord};
use paddock_types::{AutoArchive, AutoDelete, AutoPause, AutoStop, OrganizationId, SandboxId, WarmPoolId};
use paddock_wire_control::{CreateWarmPool, UpdateWarmPool};
use paddock_wire_runner::Observed;
use tokio::time::timeout;

use super::sandbox::commit;
use super::sandbox::create::{find_region, find_snapshot, name_taken};
use super::sandbox::hold::Hold;
use super::{App, Error};
use crate::auth::secret;
use crate::clock;
use crate::failpoints::{self, Moment, Operation};
use crate::reconcile::wish::wish;
use crate::runners::client::WishError;

/// The most sandboxes that all pools of an organization keep ready together. Ours: each takes memory, a network and
/// a range of ids on the host whether it is used or not.
const MOST_MEMBERS: u32 = 100;
/// How long a runner may take to say that a member runs: who asks for a sandbox does not wait for a pool.
const RUNNER_PATIENCE: Duration = Duration::from_secs(1);
/// How many members a create looks at before it makes a sandbox of its own.
const MOST_CANDIDATES: u32 = 16;

/// Makes a pool; its members come by themselves.
///
/// # Errors
/// 400 for a snapshot that cannot be used and beyond the limit, 404 for an unknown region, 409 when there is a pool of this
/// snapshot and region.
pub(crate) async fn create(
    app: &App,
    organization: OrganizationId,
    request: CreateWarmPool,
) -> Result<WarmPoolRecord, Error> {
    let region = find_region(app, request.target)?;
    let snapshot = find_snapshot(app, organization, Some(request.snapshot)).await?;
    let now = clock::now();
    let pool = WarmPoolRecord {
        id: WarmPoolId::random(),
        organization,
        snapshot: snapshot.id,
        snapshot_name: snapshot.name.clone(),
        region,
        size: request.pool,
        user: snapshot.default_user,
        resources: snapshot.resources,
        error_reason: None,
        created_at: now,
        updated_at: now,
        ready: 0,
    };
    let pool = settle(app.store.insert_warm_pool(pool, MOST_MEMBERS).await?, &snapshot.name)?;
    tracing::info!(
        warm_pool.id = %pool.id,
        organization.id = %organization,
        snapshot.name = pool.snapshot_name,
        size = pool.size,
        "a warm pool is wished"
    );
    app.pools.notify_one();
    Ok(pool)
}

/// The organization's pools, the oldest first.
pub(crate) async fn list(app: &App, organization: OrganizationId) -> Result<Vec<WarmPoolRecord>, Error> {
    Ok(app.store.list_warm_pools(organization).await?)
}

/// Says how many members a pool should have. Those beyond go by themselves.
///
/// # Errors
/// 404 when the organization has no such pool, 400 beyond the limit.
pub(crate) async fn resize(
    app: &App,
    organization: OrganizationId,
    reference: &str,
    request: UpdateWarmPool,
) -> Result<WarmPoolRecord, Error> {
    let id = reference.parse().map_err(|_| not_found())?;
    let now = clock::now();
    let outcome = app.store.resize_warm_pool(organization, id, request.pool, MOST_MEMBERS, now).await?;
    let pool = settle(outcome, "")?;
    app.pools.notify_one();
    Ok(pool)
}

/// Removes a pool. Its members go by themselves.
///
/// # Errors
/// 404 when the organization has no such pool.
pub(crate) async fn delete(app: &App, organization: OrganizationId, reference: &str) -> Result<(), Error> {
    let id = reference.parse().map_err(|_| not_found())?;
    if !app.store.delete_warm_pool(organization, id).await? {
        return Err(not_found());
    }
    app.pools.notify_one();
    Ok(())
}

/// A new member of a pool.
pub(crate) fn member_of(app: &App, pool: &WarmPoolRecord, snapshot: &SnapshotRecord) -> SandboxRecord {
    let (id, now) = (SandboxId::random(), clock::now());
    SandboxRecord {
        id,
        organization: pool.organization,
        name: id.to_string(),
        snapshot_name: snapshot.name.clone(),
        root: snapshot.root.clone(),
        user: snapshot.default_user.clone(),
        env: Default::default(),
        labels: Default::default(),
        public: false,
        network_block_all: false,
        region: pool.region.clone(),
        // No timer acts on what waits.
        auto_stop: AutoStop::Disabled,
        auto_pause: AutoPause::Disabled,
        auto_archive: AutoArchive::DEFAULT,
        auto_delete: AutoDelete::Never,
        auto_destroy_at: None,
        parent: None,
        created_at: now,
        last_activity_at: now,
        volumes: Vec::new(),
        image: snapshot.image.clone(),
        build: None,
        scratch: Vec::new(),
        warm_pool: Some(pool.id),
        link: None,
        status: SandboxStatus::wished(app.first_generation(), snapshot.resources, secret::auth_token(), now),
        version: 1,
    }
}

/// A started sandbox that waited in a pool and is as `wished` from now on, if there is one. What `wished` asks for
/// beyond its snapshot's defaults must be changeable on a running sandbox without its host.
///
/// # Errors
/// 409 when the name is taken; as for any create, when the sandbox ends in the same moment.
pub(crate) async fn claim(
    app: &App,
    wished: &SandboxRecord,
    snapshot: &SnapshotRecord,
) -> Result<Option<SandboxRecord>, Error> {
    if !could_be_warm(wished, snapshot) {
        return Ok(None);
    }
    let region = wished.region.clone();
    let mut candidates =
        app.store.list_ready_members(wished.organization, snapshot.id, region, MOST_CANDIDATES).await?;
    candidates.retain(|member| runs(app, member));
    // Creates that ask at once should not all want the same one.
    let turn = usize::from(wished.id.as_uuid().as_bytes()[0]);
    let turn = turn.checked_rem(candidates.len()).unwrap_or_default();
    candidates.rotate_left(turn);
    let is_named = wished.name != wished.id.to_string();
    for member in candidates {
        match still_runs(app, &member).await? {
            Some(true) => {}
            Some(false) => continue,
            // Nobody waits for a pool.
            None => return Ok(None),
        }
        let name = if is_named { wished.name.clone() } else { member.id.to_string() };
        match commit::claim(app, member, SandboxRecord { name, ..wished.clone() }).await? {
            ClaimOutcome::Claimed(claimed) => {
                failpoints::hit(Operation::Create, Moment::AfterRequest)?;
                tracing::info!(
                    sandbox.id = %claimed.id,
                    organization.id = %claimed.organization,
                    snapshot.name = claimed.snapshot_name,
                    "a sandbox of a warm pool is handed out"
                );
                return confirm(app, member, *claimed).await.map(Some);
            }
            ClaimOutcome::NameTaken if is_named => return Err(name_taken(&wished.name)),
            // Somebody else has it.
            ClaimOutcome::NameTaken | ClaimOutcome::Gone => {}
        }
    }
    Ok(None)
}

/// Whether members of pools are like this one but for what a claim changes.
fn could_be_warm(wished: &SandboxRecord, snapshot: &SnapshotRecord) -> bool {
    wished.user == snapshot.default_user
        && wished.env.is_empty()
        && !wished.network_block_all
        && wished.volumes.is_empty()
        && wished.link.is_none()
        && wished.status.resources == snapshot.resources
}

/// Whether the runner's last word is that a member runs.
fn runs(app: &App, member: &ReadyMember) -> bool {
    match app.mirror.view(member.id).observed {
        Known::Unknown => false,
        Known::Seen(seen) => seen.state == HostState::Started && seen.generation == Some(member.generation),
    }
}

/// Whether a member runs, by its runner's own word of this moment: the wish is sent once more, which changes nothing.
/// `None`: the runner does not say.
async fn still_runs(app: &App, member: &ReadyMember) -> Result<Option<bool>, Error> {
    let found = app.store.load_sandbox(member.id).await?;
    let Some(record) = found.filter(|found| found.version == member.version) else { return Ok(Some(false)) };
    Ok(match timeout(RUNNER_PATIENCE, app.runner.put_wish(member.id, &wish(&record))).await {
        Ok(Ok(answer)) => {
            Some(answer.state == Observed::Started && answer.generation == Some(member.generation))
        }
        Ok(Err(WishError::Outdated | WishError::Refused(_))) => Some(false),
        Ok(Err(WishError::Unanswered(_))) | Err(_) => None,
    })
}

/// The claimed sandbox as it is. One that ended in the moment of its claim is waited for, until the record says so.
async fn confirm(app: &App, member: ReadyMember, claimed: SandboxRecord) -> Result<SandboxRecord, Error> {
    if runs(app, &member) {
        return Ok(claimed);
    }
    let hold = Hold::begin(app, claimed.id);
    app.queue.wake(claimed.id);
    hold.until_confirmed(claimed, || runs(app, &member)).await
}

fn settle(outcome: PoolOutcome, snapshot: &str) -> Result<WarmPoolRecord, Error> {
    match outcome {
        PoolOutcome::Done(pool) => Ok(*pool),
        PoolOutcome::Missing => Err(not_found()),
        PoolOutcome::Exists => Err(Error::Conflict(format!(
            "a warm pool of snapshot {snapshot:?} already exists in this region"
        ))),
        PoolOutcome::TooMany => Err(Error::Invalid(format!(
            "all warm pools of an organization can keep at most {MOST_MEMBERS} sandboxes ready together"
        ))),
    }
}

fn not_found() -> Error {
    Error::NotFound("warm pool not found".to_owned())
}
