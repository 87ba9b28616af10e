//! What the store knows of a sandbox.

use std::collections::BTreeMap;
use std::fmt;

use paddock_types::{
    AutoArchive, AutoDelete, AutoStop, Cores, DesiredState, EnvName, Generation, Gib, OrganizationId, OsUser,
    Resources, RootRef, RunnerId, SandboxId, SandboxState, Timestamp,
};

use crate::StoreError;
use crate::value::{Row, Value, unsigned};

/// The columns of a record, in the order in which it is read and written.
macro_rules! columns {
    () => {
        "id, organization_id, name, snapshot_name, root, os_user, env, labels, public, network_block_all, region, \
         cpu, memory, disk, auto_stop, auto_archive, auto_delete, created_at, last_activity_at, \
         desired, forced, generation_epoch, generation_number, state, existed, error_reason, recoverable, \
         daemon_version, runner_id, auth_token, updated_at, destroyed_at, version"
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
    /// Its limits.
    pub resources: Resources,
    /// When it is stopped for idleness.
    pub auto_stop: AutoStop,
    /// When it is archived.
    pub auto_archive: AutoArchive,
    /// When it is deleted.
    pub auto_delete: AutoDelete,
    /// Since when it is on record.
    pub created_at: Timestamp,
    /// When somebody last used it, give or take the flush of activity.
    pub last_activity_at: Timestamp,
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
    /// Whether nothing is left to be done about it until somebody asks or something happens.
    pub const fn is_settled(&self) -> bool {
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

    /// The values of the columns that change as one, from `desired` to `destroyed_at`, with `settled`
    /// behind `state`.
    pub(super) fn values(&self) -> [Value; 14] {
        [
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
        ]
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
            resources: Resources {
                cpu: Cores(row.number("cpu")?),
                memory: Gib(row.number("memory")?),
                disk: Gib(row.number("disk")?),
            },
            auto_stop: read_interval(row, "auto_stop", AutoStop::from_wire)?,
            auto_archive: read_interval(row, "auto_archive", AutoArchive::from_wire)?,
            auto_delete: read_interval(row, "auto_delete", AutoDelete::from_wire)?,
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
            },
            version: row.number("version")?,
        })
    }
}

fn read_json<T: serde::de::DeserializeOwned>(row: &mut Row, column: &'static str) -> Result<T, StoreError> {
    serde_json::from_str(&row.text(column)?).map_err(|_| StoreError::Corrupt { column })
}

fn read_interval<T, E>(
    row: &mut Row,
    column: &'static str,
    read: fn(i64) -> Result<T, E>,
) -> Result<T, StoreError> {
    read(row.int(column)?).map_err(|_| StoreError::Corrupt { column })
}
