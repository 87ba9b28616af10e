//! Making a sandbox: everything that can be wrong with the request is said before anything is done.

use std::collections::BTreeMap;

use paddock_store::sandbox::SandboxStatus;
use paddock_store::{SandboxRecord, SnapshotRecord};
use paddock_types::{
    AutoArchive, AutoDelete, AutoStop, DesiredState, EnvName, InvalidInterval, OrganizationId, OsUser,
    ResourceLimits, SandboxId, SandboxName, SandboxState, SnapshotState,
};
use paddock_wire_control::CreateSandbox;
use tracing::Instrument;

use super::check_labels;
use super::hold::Hold;
use crate::app::{App, Error, snapshot};
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
    let (record, snapshot) = plan(app, organization, request).await?;
    let inserting = tracing::debug_span!("insert", sandbox.id = %record.id);
    let holding = tracing::debug_span!("hold", sandbox.id = %record.id);
    let hold = Hold::begin(app, record.id);
    if !app.store.insert_sandbox(record.clone()).instrument(inserting).await? {
        return Err(Error::Conflict(format!("sandbox with name {:?} already exists", record.name)));
    }
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

/// The record of the sandbox that is asked for.
async fn plan(
    app: &App,
    organization: OrganizationId,
    request: CreateSandbox,
) -> Result<(SandboxRecord, SnapshotRecord), Error> {
    refuse_unavailable(&request)?;
    let mut problems = Vec::new();
    let id = SandboxId::random();
    let name = request.name.map(SandboxName::try_from).transpose();
    let user = request.user.map(OsUser::try_from).transpose();
    let env = read_env(request.env);
    let auto_stop = read_interval(request.auto_stop_interval, AutoStop::from_wire, AutoStop::DEFAULT);
    let auto_archive =
        read_interval(request.auto_archive_interval, AutoArchive::from_wire, AutoArchive::DEFAULT);
    let auto_delete = read_interval(request.auto_delete_interval, AutoDelete::from_wire, AutoDelete::Never);
    let name = keep(name, &mut problems).flatten();
    let user = keep(user, &mut problems).flatten();
    let env = keep(env, &mut problems);
    let auto_stop = keep(auto_stop, &mut problems);
    let auto_archive = keep(auto_archive, &mut problems);
    let auto_delete = keep(auto_delete, &mut problems);
    let (Some(env), Some(auto_stop), Some(auto_archive), Some(auto_delete), []) =
        (env, auto_stop, auto_archive, auto_delete, problems.as_slice())
    else {
        return Err(Error::Invalid(problems.join(", ")));
    };
    check_labels(&request.labels)?;
    let region = find_region(app, request.target)?;
    let snapshot = find_snapshot(app, organization, request.snapshot).await?;
    let limits = snapshot.resources.check(ResourceLimits::DEFAULT);
    limits.map_err(|error| Error::Invalid(error.to_string()))?;
    let now = clock::now();
    let record = SandboxRecord {
        id,
        organization,
        name: name.map_or_else(|| id.to_string(), String::from),
        snapshot_name: snapshot.name.clone(),
        root: snapshot.root,
        user: user.unwrap_or_else(|| snapshot.default_user.clone()),
        env,
        labels: request.labels,
        public: request.public,
        network_block_all: request.network_block_all,
        region,
        resources: snapshot.resources,
        auto_stop,
        auto_archive,
        auto_delete,
        created_at: now,
        last_activity_at: now,
        status: SandboxStatus {
            desired: DesiredState::Started,
            forced: false,
            generation: app.first_generation(),
            state: SandboxState::Creating,
            existed: false,
            error_reason: None,
            recoverable: false,
            daemon_version: None,
            runner: None,
            auth_token: secret::auth_token(),
            updated_at: now,
            destroyed_at: None,
        },
        version: 1,
    };
    Ok((record, snapshot))
}

/// Refuses by name what this version cannot do, and what makes no sense at all.
fn refuse_unavailable(request: &CreateSandbox) -> Result<(), Error> {
    if request.has_build && request.snapshot.is_some() {
        return Err(Error::Invalid("snapshot and buildInfo exclude each other".to_owned()));
    }
    if !request.unavailable.is_empty() {
        let names = request.unavailable.join(", ");
        return Err(Error::Unsupported(format!("not available in this version: {names}")));
    }
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
    if request.auto_pause_interval.is_some_and(|minutes| minutes > 0) {
        return Err(Error::Unsupported(
            "not available for sandboxes of class container: autoPauseInterval".to_owned(),
        ));
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

fn find_region(app: &App, target: Option<String>) -> Result<String, Error> {
    match target {
        Some(target) if target != app.config.region => {
            let shown: String = target.chars().filter(|c| !c.is_control()).take(80).collect();
            Err(Error::NotFound(format!("region {shown:?} not found")))
        }
        _ => Ok(app.config.region.clone()),
    }
}

/// A snapshot to make sandboxes from. One whose root file system is still being made is waited for
/// by the runner; one that failed is tried again by it at this wish.
async fn find_snapshot(
    app: &App,
    organization: OrganizationId,
    name: Option<String>,
) -> Result<SnapshotRecord, Error> {
    let name = name.unwrap_or_else(|| app.config.default_snapshot.clone());
    let found = snapshot::find(app, organization, &name).await?.ok_or_else(|| {
        let shown: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
        Error::Invalid(format!("snapshot {shown:?} not found"))
    })?;
    match found.state {
        SnapshotState::Active | SnapshotState::Pending | SnapshotState::Pulling => Ok(found),
        SnapshotState::Error if found.organization.is_none() => Ok(found),
        SnapshotState::Building
        | SnapshotState::Snapshotting
        | SnapshotState::Inactive
        | SnapshotState::Error
        | SnapshotState::BuildFailed
        | SnapshotState::Removing => {
            Err(Error::Invalid(format!("snapshot {:?} is not active: {}", found.name, found.state)))
        }
    }
}
