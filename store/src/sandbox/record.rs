//! What the store knows of a sandbox.

use std::collections::BTreeMap;
use std::fmt;

use paddock_types::{
    AutoArchive, AutoDelete, AutoPause, AutoStop, BackupState, BuildInfo, Cores, DesiredState, EnvName,
    Generation, Gib, ImageConfig, OrganizationId, OsUser, Resources, RootRef, RunnerId, SandboxId,
    SandboxState, ScratchMount, StoredObject, TaskId, TaskKind, Timestamp, VolumeMount, WarmPoolId,
};
use serde::{Deserialize, Serialize};

use crate::StoreError;
use crate::value::{Row, Value, unsigned};

/// The columns of a record, in the order in which it is read and written.
macro_rules! columns {
    () => {
        "id, organization_id, name, snapshot_name, root, os_user, env, labels, public, network_block_all, region, \
         auto_stop, auto_pause, auto_archive, auto_delete, auto_destroy_at, parent_id, created_at, last_activity_at, \
         desired, forced, generation_epoch, generation_number, state, existed, error_reason, recoverable, \
         daemon_version, runner_id, auth_token, updated_at, destroyed_at, cpu, memory, disk, returns_to, task, \
         archive, backup_state, backup_created_at, resized_from, awaits_parent, volumes, version, warm_pool_id, linked_to, linked_name, image, build, scratch"
    };
}
pub(super) use columns;

/// One sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxRecord {
    /// Which.
    pub id: SandboxId,
    /// Whose.
    pub organization: OrganizationId,
    /// Its name; equal to the id when its maker gave none.
    pub name: String,
    /// The name of what it was made from.
    pub snapshot_name: String,
    /// The root file system under its own files.
    pub root: RootRef,
    /// As whom it runs.
    pub user: OsUser,
    /// Added to the environment of every process.
    pub env: BTreeMap<EnvName, String>,
    /// What its maker notes on it.
    pub labels: BTreeMap<String, String>,
    /// Whether its previews need no credential.
    pub public: bool,
    /// Whether it reaches nothing.
    pub network_block_all: bool,
    /// Where it runs.
    pub region: String,
    /// When it is stopped for idleness.
    pub auto_stop: AutoStop,
    /// When it is paused for idleness.
    pub auto_pause: AutoPause,
    /// When it is archived.
    pub auto_archive: AutoArchive,
    /// When it is deleted.
    pub auto_delete: AutoDelete,
    /// When it is destroyed whatever its state.
    pub auto_destroy_at: Option<Timestamp>,
    /// What it was forked from.
    pub parent: Option<SandboxId>,
    /// Since when it is on record.
    pub created_at: Timestamp,
    /// When somebody last used it, give or take the flush of activity.
    pub last_activity_at: Timestamp,
    /// The warm pool in which it waits for an owner. Until somebody has it, nobody but lists that ask for it sees it.
    pub warm_pool: Option<WarmPoolId>,
    /// The sandbox that it is linked with.
    pub link: Option<LinkRecord>,
    /// The volumes that it mounts, as its maker named them; no two at one path.
    pub volumes: Vec<VolumeMount>,
    /// What its image says.
    pub image: ImageConfig,
    /// What its image is built from, for one that was asked for with a build.
    pub build: Option<BuildInfo>,
    /// Directories in memory that it has besides.
    pub scratch: Vec<ScratchMount>,
    /// What changes as one.
    pub status: SandboxStatus,
    /// Counts the changes of `status`: a change names the version that it replaces.
    pub version: u64,
}

/// The part of a record that changes as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxStatus {
    /// What it should become.
    pub desired: DesiredState,
    /// Whether it should become so without grace.
    pub forced: bool,
    /// Which wish this is.
    pub generation: Generation,
    /// What clients are shown.
    pub state: SandboxState,
    /// Whether it was ever seen running or stopped on a host: its files exist.
    pub existed: bool,
    /// Why it failed, or why it stopped by itself.
    pub error_reason: Option<String>,
    /// Whether a failure can be cured by another try.
    pub recoverable: bool,
    /// The version of the toolbox inside, once known.
    pub daemon_version: Option<String>,
    /// Where it was last seen.
    pub runner: Option<RunnerId>,
    /// What a preview asks for; renewed at each start.
    pub auth_token: AuthToken,
    /// When any of this last changed.
    pub updated_at: Timestamp,
    /// Since when it is gone.
    pub destroyed_at: Option<Timestamp>,
    /// Its limits; while it is resized, the new ones.
    pub resources: Resources,
    /// What is shown once maintenance has ended.
    pub returns_to: Option<SandboxState>,
    /// The work on its files that is under way.
    pub task: Option<TaskRecord>,
    /// The newest complete archive of its files.
    pub archive: Option<StoredObject>,
    /// How far its backup is.
    pub backup_state: BackupState,
    /// When its newest backup was completed.
    pub backup_created_at: Option<Timestamp>,
    /// Its limits before the change that is under way.
    pub resized_from: Option<Resources>,
    /// Whether its parent has still to make its files.
    pub awaits_parent: bool,
}

/// What a sandbox is linked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRecord {
    /// With which.
    pub target: SandboxId,
    /// That one's name.
    pub target_name: String,
}

/// Work on a sandbox's files, as it is on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRecord {
    /// Which attempt this is, for the runner.
    pub id: TaskId,
    /// What is done.
    pub kind: TaskKind,
    /// How many attempts there were, this one included.
    pub attempt: u32,
}

/// The secret of one start of a sandbox, in clear. Not printed by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthToken(pub String);

impl fmt::Debug for AuthToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthToken(..)")
    }
}

impl SandboxStatus {
    /// A sandbox that is to be started, of which nothing is known yet.
    pub fn wished(
        generation: Generation,
        resources: Resources,
        auth_token: AuthToken,
        now: Timestamp,
    ) -> Self {
        Self {
            desired: DesiredState::Started,
            forced: false,
            generation,
            state: SandboxState::Creating,
            existed: false,
            error_reason: None,
            recoverable: false,
            daemon_version: None,
            runner: None,
            auth_token,
            updated_at: now,
            destroyed_at: None,
            resources,
            returns_to: None,
            task: None,
            archive: None,
            backup_state: BackupState::None,
            backup_created_at: None,
            resized_from: None,
            awaits_parent: false,
        }
    }

    /// The same without the work on its files, which is called off; a backup or an archive is then not under way.
    pub fn without_task(self) -> Self {
        let was_export = self
            .task
            .is_some_and(|task| matches!(task.kind, TaskKind::Archive { .. } | TaskKind::Backup { .. }));
        let backup_state = match (was_export, &self.archive) {
            (false, _) => self.backup_state,
            (true, Some(_)) => BackupState::Completed,
            (true, None) => BackupState::None,
        };
        Self { task: None, backup_state, ..self }
    }

    /// Whether nothing is left to be done about it until somebody asks or something happens.
    pub const fn is_settled(&self) -> bool {
        if self.task.is_some() {
            return false;
        }
        match self.state {
            SandboxState::Started | SandboxState::Stopped | SandboxState::Paused | SandboxState::Archived => {
                true
            }
            SandboxState::Destroyed => true,
            SandboxState::Error | SandboxState::BuildFailed => {
                !matches!(self.desired, DesiredState::Destroyed)
            }
            SandboxState::PendingBuild
            | SandboxState::BuildingSnapshot
            | SandboxState::PullingSnapshot
            | SandboxState::Creating
            | SandboxState::Restoring
            | SandboxState::Starting
            | SandboxState::Stopping
            | SandboxState::Pausing
            | SandboxState::Resuming
            | SandboxState::Archiving
            | SandboxState::Resizing
            | SandboxState::Snapshotting
            | SandboxState::Forking
            | SandboxState::Destroying
            | SandboxState::Unknown => false,
        }
    }

    /// The values of the columns that change as one, from `desired` to `awaits_parent`, with `settled`
    /// behind `state`.
    ///
    /// # Errors
    /// When something cannot be written as JSON, which nothing here is known to be.
    pub(super) fn values(&self) -> Result<[Value; 24], StoreError> {
        Ok([
            Value::spelled(self.desired),
            self.forced.into(),
            unsigned(self.generation.epoch),
            unsigned(self.generation.number),
            Value::spelled(self.state),
            self.is_settled().into(),
            self.existed.into(),
            self.error_reason.as_deref().into(),
            self.recoverable.into(),
            self.daemon_version.as_deref().into(),
            self.runner.map(Value::spelled).unwrap_or(Value::Null),
            self.auth_token.0.as_str().into(),
            self.updated_at.into(),
            self.destroyed_at.into(),
            self.resources.cpu.0.into(),
            self.resources.memory.0.into(),
            self.resources.disk.0.into(),
            self.returns_to.map_or(Value::Null, Value::spelled),
            json(self.task.as_ref())?,
            json(self.archive.as_ref())?,
            Value::spelled(self.backup_state),
            self.backup_created_at.into(),
            json(self.resized_from.as_ref())?,
            self.awaits_parent.into(),
        ])
    }
}

impl SandboxRecord {
    pub(super) fn read(mut row: Row) -> Result<Self, StoreError> {
        let row = &mut row;
        Ok(Self {
            id: row.parse("id")?,
            organization: row.parse("organization_id")?,
            name: row.text("name")?,
            snapshot_name: row.text("snapshot_name")?,
            root: row.parse("root")?,
            user: OsUser::try_from(row.text("os_user")?)
                .map_err(|_| StoreError::Corrupt { column: "os_user" })?,
            env: read_json(row, "env")?,
            labels: read_json(row, "labels")?,
            public: row.flag("public")?,
            network_block_all: row.flag("network_block_all")?,
            region: row.text("region")?,
            auto_stop: read_interval(row, "auto_stop", AutoStop::from_wire)?,
            auto_pause: read_interval(row, "auto_pause", AutoPause::from_wire)?,
            auto_archive: read_interval(row, "auto_archive", AutoArchive::from_wire)?,
            auto_delete: read_interval(row, "auto_delete", AutoDelete::from_wire)?,
            auto_destroy_at: row.optional_time("auto_destroy_at")?,
            parent: row.optional_parse("parent_id")?,
            created_at: row.time("created_at")?,
            last_activity_at: row.time("last_activity_at")?,
            status: SandboxStatus {
                desired: row.parse("desired")?,
                forced: row.flag("forced")?,
                generation: Generation {
                    epoch: row.number("generation_epoch")?,
                    number: row.number("generation_number")?,
                },
                state: row.parse("state")?,
                existed: row.flag("existed")?,
                error_reason: row.optional_text("error_reason")?,
                recoverable: row.flag("recoverable")?,
                daemon_version: row.optional_text("daemon_version")?,
                runner: row.optional_parse("runner_id")?,
                auth_token: AuthToken(row.text("auth_token")?),
                updated_at: row.time("updated_at")?,
                destroyed_at: row.optional_time("destroyed_at")?,
                resources: Resources {
                    cpu: Cores(row.number("cpu")?),
                    memory: Gib(row.number("memory")?),
                    disk: Gib(row.number("disk")?),
                },
                returns_to: row.optional_parse("returns_to")?,
                task: read_optional_json(row, "task")?,
                archive: read_optional_json(row, "archive")?,
                backup_state: row.parse("backup_state")?,
                backup_created_at: row.optional_time("backup_created_at")?,
                resized_from: read_optional_json(row, "resized_from")?,
                awaits_parent: row.flag("awaits_parent")?,
            },
            volumes: read_json(row, "volumes")?,
            version: row.number("version")?,
            warm_pool: row.optional_parse("warm_pool_id")?,
            link: match (row.optional_parse("linked_to")?, row.optional_text("linked_name")?) {
                (Some(target), Some(target_name)) => Some(LinkRecord { target, target_name }),
                (None, None) => None,
                _ => return Err(StoreError::Corrupt { column: "linked_name" }),
            },
            image: read_json(row, "image")?,
            build: read_optional_json(row, "build")?,
            scratch: read_json(row, "scratch")?,
        })
    }
}

pub(crate) fn read_json<T: serde::de::DeserializeOwned>(
    row: &mut Row,
    column: &'static str,
) -> Result<T, StoreError> {
    serde_json::from_str(&row.text(column)?).map_err(|_| StoreError::Corrupt { column })
}

pub(crate) fn read_optional_json<T: serde::de::DeserializeOwned>(
    row: &mut Row,
    column: &'static str,
) -> Result<Option<T>, StoreError> {
    let text = row.optional_text(column)?;
    text.map(|text| serde_json::from_str(&text)).transpose().map_err(|_| StoreError::Corrupt { column })
}

pub(crate) fn json<T: Serialize>(value: Option<&T>) -> Result<Value, StoreError> {
    let text = value.map(serde_json::to_string).transpose().map_err(StoreError::refused)?;
    Ok(text.into())
}

fn read_interval<T, E>(
    row: &mut Row,
    column: &'static str,
    read: fn(i64) -> Result<T, E>,
) -> Result<T, StoreError> {
    read(row.int(column)?).map_err(|_| StoreError::Corrupt { column })
}
