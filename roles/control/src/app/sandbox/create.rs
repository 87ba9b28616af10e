//! Making a sandbox: everything that can be wrong with the request is said before anything is done.

use std::collections::BTreeMap;

use paddock_store::sandbox::{InsertOutcome, MOST_LINKED, SandboxStatus};
use paddock_store::{SandboxRecord, SnapshotRecord};
use paddock_types::{
    AutoArchive, AutoDelete, AutoPause, AutoStop, BuildInfo, EnvName, ImageConfig, InvalidInterval,
    OrganizationId, OsUser, ResourceLimits, Resources, RootRef, SandboxId, SandboxName, SandboxState,
    SnapshotState, TimeToLive,
};
use paddock_wire_control::CreateSandbox;
use tracing::Instrument;

use super::hold::Hold;
use super::settings::check_idle_timers;
use super::{build, check_labels, commit, link};
use crate::app::{App, Error, snapshot, volume, warm_pool};
use crate::auth::secret;
use crate::clock;
use crate::failpoints::{self, Moment, Operation};

/// The longest `NAME=value` that Linux gives to a process, with its NUL (`MAX_ARG_STRLEN`).
const LONGEST_VARIABLE: usize = 131_072;

/// Makes a sandbox and waits until it is started, has failed, or the hold is over; the record as it
/// then is. A caller who stops waiting loses only the answer.
///
/// # Errors
/// When the request is refused, when the name is taken, and when the sandbox fails while being
/// waited for: then it stays listed, in state `error`.
pub(crate) async fn create(
    app: &App,
    organization: OrganizationId,
    request: CreateSandbox,
) -> Result<SandboxRecord, Error> {
    if request.build_info.is_some() {
        return build::create(app, organization, request).await;
    }
    let (record, snapshot) = plan(app, organization, request).await?;
    if let Some(claimed) = warm_pool::claim(app, &record, &snapshot).await? {
        app.activity.snapshot_used(snapshot.id, record.created_at);
        return Ok(claimed);
    }
    let inserting = tracing::debug_span!("insert", sandbox.id = %record.id);
    let holding = tracing::debug_span!("hold", sandbox.id = %record.id);
    let hold = Hold::begin(app, record.id);
    insert(app, &record).instrument(inserting).await?;
    failpoints::hit(Operation::Create, Moment::AfterRequest)?;
    tracing::info!(
        sandbox.id = %record.id,
        organization.id = %organization,
        snapshot.name = record.snapshot_name,
        "a sandbox is wished"
    );
    app.activity.snapshot_used(snapshot.id, record.created_at);
    app.queue.wake(record.id);
    hold.until_started(record).instrument(holding).await
}

/// Puts a new sandbox on record.
///
/// # Errors
/// When its name is taken, or what it hangs on is not there.
pub(crate) async fn insert(app: &App, record: &SandboxRecord) -> Result<(), Error> {
    check(commit::insert(app, record).await?, record)
}

/// What an insertion that was refused is to its caller.
fn check(outcome: InsertOutcome, record: &SandboxRecord) -> Result<(), Error> {
    match outcome {
        InsertOutcome::Done => Ok(()),
        InsertOutcome::NameTaken => Err(name_taken(&record.name)),
        InsertOutcome::RootGone => Err(snapshot_not_found(&record.snapshot_name)),
        InsertOutcome::TargetGone => Err(link::not_linkable("not started any more")),
        InsertOutcome::VolumeNotReady(id) => Err(volume::not_ready(&id.to_string())),
        InsertOutcome::TooManyLinked => {
            Err(Error::Invalid(format!("at most {MOST_LINKED} sandboxes can be linked with one")))
        }
    }
}

/// The error for a name that the organization has given already.
pub(crate) fn name_taken(name: &str) -> Error {
    Error::Conflict(format!("sandbox with name {name:?} already exists"))
}

/// The record of the sandbox that is asked for, made of a snapshot.
async fn plan(
    app: &App,
    organization: OrganizationId,
    request: CreateSandbox,
) -> Result<(SandboxRecord, SnapshotRecord), Error> {
    refuse_unavailable(&request)?;
    refuse_sizes(&request)?;
    let snapshot = find_snapshot(app, organization, request.snapshot.clone()).await?;
    let limits = snapshot.resources.check(ResourceLimits::DEFAULT);
    limits.map_err(|error| Error::Invalid(error.to_string()))?;
    let record = record(app, organization, request, Origin::Snapshot(&snapshot)).await?;
    Ok((record, snapshot))
}

/// What a sandbox is made of.
pub(super) enum Origin<'s> {
    Snapshot(&'s SnapshotRecord),
    Build(BuildInfo, Resources),
}

/// The record of the sandbox that is asked for.
pub(super) async fn record(
    app: &App,
    organization: OrganizationId,
    request: CreateSandbox,
    origin: Origin<'_>,
) -> Result<SandboxRecord, Error> {
    let mut problems = Vec::new();
    let id = SandboxId::random();
    let name = request.name.map(SandboxName::try_from).transpose();
    let user = request.user.map(OsUser::try_from).transpose();
    let env = read_env(request.env);
    let auto_stop = read_interval(request.auto_stop_interval, AutoStop::from_wire, AutoStop::DEFAULT);
    let auto_pause = read_interval(request.auto_pause_interval, AutoPause::from_wire, AutoPause::Disabled);
    let ttl = read_interval(request.ttl_minutes, TimeToLive::from_wire, TimeToLive::Unlimited);
    let auto_archive =
        read_interval(request.auto_archive_interval, AutoArchive::from_wire, AutoArchive::DEFAULT);
    let auto_delete = read_interval(request.auto_delete_interval, AutoDelete::from_wire, AutoDelete::Never);
    let name = keep(name, &mut problems).flatten();
    let user = keep(user, &mut problems).flatten();
    let env = keep(env, &mut problems);
    let auto_stop = keep(auto_stop, &mut problems);
    let auto_pause = keep(auto_pause, &mut problems);
    let ttl = keep(ttl, &mut problems);
    let auto_archive = keep(auto_archive, &mut problems);
    let auto_delete = keep(auto_delete, &mut problems);
    let (Some(env), Some(auto_stop), Some(auto_pause), Some(ttl), Some(auto_archive), Some(auto_delete), []) =
        (env, auto_stop, auto_pause, ttl, auto_archive, auto_delete, problems.as_slice())
    else {
        return Err(Error::Invalid(problems.join(", ")));
    };
    // Who asks to be paused does not ask to be stopped by the default.
    let auto_stop = match (request.auto_stop_interval, auto_pause) {
        (None, AutoPause::After(_)) => AutoStop::Disabled,
        _ => auto_stop,
    };
    check_idle_timers(auto_stop, auto_pause, auto_delete)?;
    check_labels(&request.labels)?;
    let volumes = volume::mounts(app, organization, &request.volumes).await?;
    let region = find_region(app, request.target)?;
    let link = link::find(app, organization, request.linked_sandbox, &region, auto_delete).await?;
    let now = clock::now();
    let (snapshot_name, root, default_user, image, build, resources) = match origin {
        Origin::Snapshot(snapshot) => (
            snapshot.name.clone(),
            snapshot.root.clone(),
            snapshot.default_user.clone(),
            snapshot.image.clone(),
            None,
            snapshot.resources,
        ),
        // What it is made of is known when it is built.
        Origin::Build(info, resources) => {
            let info = BuildInfo { takes_user_of_image: user.is_none(), ..info };
            let name = info.reference.clone();
            (name, RootRef::EMPTY, OsUser::root(), ImageConfig::default(), Some(info), resources)
        }
    };
    let wished = SandboxStatus::wished(app.first_generation(), resources, secret::auth_token(), now);
    let state = if build.is_some() { SandboxState::PendingBuild } else { wished.state };
    Ok(SandboxRecord {
        id,
        organization,
        name: name.map_or_else(|| id.to_string(), String::from),
        snapshot_name,
        root,
        user: user.unwrap_or(default_user),
        env,
        labels: request.labels,
        public: request.public,
        network_block_all: request.network_block_all,
        region,
        auto_stop,
        auto_pause,
        auto_archive,
        auto_delete,
        auto_destroy_at: ttl.end(now),
        parent: None,
        created_at: now,
        last_activity_at: now,
        volumes,
        image,
        build,
        scratch: Vec::new(),
        status: SandboxStatus { state, ..wished },
        version: 1,
        warm_pool: None,
        link,
    })
}

/// Refuses by name what this version cannot do, and what makes no sense at all.
pub(super) fn refuse_unavailable(request: &CreateSandbox) -> Result<(), Error> {
    let has_build = request.build_info.is_some();
    if has_build && request.linked_sandbox.is_some() {
        return Err(Error::Invalid("linkedSandbox and buildInfo exclude each other".to_owned()));
    }
    if has_build && request.snapshot.is_some() {
        return Err(Error::Invalid("snapshot and buildInfo exclude each other".to_owned()));
    }
    if !request.unavailable.is_empty() {
        let names = request.unavailable.join(", ");
        return Err(Error::Unsupported(format!("not available in this version: {names}")));
    }
    Ok(())
}

/// Refuses sizes beside a snapshot, which has its own.
fn refuse_sizes(request: &CreateSandbox) -> Result<(), Error> {
    let sizes =
        [("cpu", request.cpu), ("memory", request.memory), ("disk", request.disk), ("gpu", request.gpu)];
    let given: Vec<&str> =
        sizes.iter().filter(|(_, size)| size.is_some_and(|size| size > 0)).map(|(name, _)| *name).collect();
    if !given.is_empty() {
        return Err(Error::Invalid(format!(
            "cannot specify {} when using a snapshot: resources come from the snapshot",
            given.join(", ")
        )));
    }
    Ok(())
}

fn read_env(env: BTreeMap<String, String>) -> Result<BTreeMap<EnvName, String>, String> {
    env.into_iter()
        .map(|(name, value)| {
            if name.len() + value.len() + 2 > LONGEST_VARIABLE {
                let shown: String = name.chars().take(40).collect();
                return Err(format!("env: {shown:?} is longer than a process can be given"));
            }
            let name = EnvName::try_from(name).map_err(|error| error.to_string())?;
            Ok((name, value))
        })
        .collect()
}

fn read_interval<T>(
    minutes: Option<i64>,
    read: fn(i64) -> Result<T, InvalidInterval>,
    default: T,
) -> Result<T, InvalidInterval> {
    minutes.map_or(Ok(default), read)
}

/// Keeps a value, or notes why there is none.
fn keep<T, E: ToString>(outcome: Result<T, E>, problems: &mut Vec<String>) -> Option<T> {
    outcome.map_err(|error| problems.push(error.to_string())).ok()
}

pub(crate) fn find_region(app: &App, target: Option<String>) -> Result<String, Error> {
    match target {
        Some(target) if target != app.config.region => {
            let shown: String = target.chars().filter(|c| !c.is_control()).take(80).collect();
            Err(Error::NotFound(format!("region {shown:?} not found")))
        }
        _ => Ok(app.config.region.clone()),
    }
}

fn snapshot_not_found(name: &str) -> Error {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
    Error::Invalid(format!("snapshot {shown:?} not found"))
}

/// A snapshot to make sandboxes from. One whose root file system is still being made is waited for
/// by the runner; one that failed is tried again by it at this wish.
pub(crate) async fn find_snapshot(
    app: &App,
    organization: OrganizationId,
    name: Option<String>,
) -> Result<SnapshotRecord, Error> {
    let name = name.unwrap_or_else(|| app.config.default_snapshot.clone());
    let found = snapshot::find(app, organization, &name).await?.ok_or_else(|| snapshot_not_found(&name))?;
    if is_usable(&found) {
        return Ok(found);
    }
    Err(Error::Invalid(format!("snapshot {:?} is not active: {}", found.name, found.state)))
}

/// Whether sandboxes can be made of a snapshot, now or as soon as its root file system is there.
pub(crate) fn is_usable(snapshot: &SnapshotRecord) -> bool {
    match snapshot.state {
        SnapshotState::Active | SnapshotState::Pending | SnapshotState::Pulling => true,
        SnapshotState::Error => snapshot.organization.is_none(),
        SnapshotState::Building
        | SnapshotState::Snapshotting
        | SnapshotState::Inactive
        | SnapshotState::BuildFailed
        | SnapshotState::Removing => false,
    }
}
