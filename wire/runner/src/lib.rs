//! What control and a runner say to each other.
//!
//! The protocol is HTTP/1.1 over a Unix socket (later also over TLS). It carries ids, sizes, enums
//! and text that belongs inside a sandbox; never a host path, a mount option or a host command.
//!
//! | Request | Answer |
//! |---|---|
//! | `GET /v1/info` | [`RunnerInfo`] |
//! | `PUT /v1/sandboxes/{id}` with [`Wish`] | 200 [`Observation`]: what is so now; 409 for an older generation |
//! | `GET /v1/sandboxes` | `[Observation]`: every sandbox on the host, in no order |
//! | `GET /v1/events` | newline-delimited [`Event`]s, unending: first everything that is so now, then each change; an empty line every 10 s |
//! | `GET /v1/sandboxes/{id}/usage` | [`Usage`] |
//! | `DELETE /v1/layers/{id}` | 204: the layer is neither here nor in the object store; 409 while it is being written. Only for one that nothing is made of. With `?keep=object` it leaves this host alone |
//! | `PUT /v1/roots` with a [`RootRef`] | [`RootStatus`]: the root file system is fetched if it is not here; answers when that has ended, or after 20 s |
//! | `PUT /v1/volumes/{id}` with [`VolumeWish`] | 200 [`VolumeReport`], within a few seconds also when the work takes longer |
//!
//! A second socket, `open.sock`, hands out connected sockets to the inside of sandboxes: the client
//! writes one line of JSON, [`OpenRequest`]; the runner answers one line of JSON, [`OpenAnswer`],
//! and with [`OpenAnswer::Opened`] the descriptor travels along (`SCM_RIGHTS`). A connection may ask any
//! number of times.
//!
//! A wish is the whole truth for one sandbox and may be sent any number of times. The runner acts on
//! the newest generation; an observation names the generation that it answers.

mod links;
mod volume;

pub use volume::{DesiredVolume, VolumeReport, VolumeSight, VolumeWish};

use std::collections::BTreeMap;

use paddock_types::{
    EnvName, Generation, OrganizationId, OsUser, Resources, RootRef, RunnerId, SandboxId, ScratchMount,
    StoredObject, TaskId, TaskKind, VolumeMount,
};
use serde::{Deserialize, Serialize};

pub use links::{Guest, Link, LinkTable};

/// The version of this protocol. A runner refuses a control process of another one.
pub const PROTOCOL_VERSION: u32 = 4;

/// The whole wish for one sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// Orders wishes; the runner refuses one that is older than what it has seen.
    pub generation: Generation,
    /// What the sandbox should become.
    pub desired: Desired,
    /// Whether its files may be made anew.
    pub existence: Existence,
    /// What it is made of.
    pub spec: SandboxSpec,
    /// It is believed to run since an earlier wish: should it have ended by itself meanwhile, that is told, and it is not
    /// started again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub continues: bool,
    /// What is to be done with its files besides. Done once for each id; a wish without it calls it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// The newest complete archive of its files, which is kept; older ones may go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<StoredObject>,
}

/// Work on a sandbox's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Which attempt this is: another one has another id.
    pub id: TaskId,
    /// What is to be done.
    pub kind: TaskKind,
}

/// How far a task is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskReport {
    /// Which.
    pub id: TaskId,
    /// How it ended, or that it has not.
    pub state: TaskState,
}

/// How far a task is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Under way.
    Running,
    /// The child has its files.
    Forked,
    /// The files lie in the object store.
    Exported(StoredObject),
    /// Nothing came of it. Fit for users.
    Failed {
        /// Why.
        reason: String,
    },
}

/// What a sandbox should become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Desired {
    /// Running, toolbox answering.
    Started,
    /// Frozen, its memory given back as far as that goes. Only for one that runs: others stay as they are.
    Paused,
    /// Not running, files kept. Graceful: SIGTERM, then SIGKILL after the grace period.
    Stopped,
    /// As `Stopped`, with SIGKILL at once.
    Killed,
    /// Not on this host; what lies in the object store is kept.
    Evicted,
    /// Gone, with its files, here and in the object store.
    Absent,
}

impl Desired {
    /// Whether nothing of it is to stay on the host.
    pub const fn is_gone(self) -> bool {
        matches!(self, Self::Evicted | Self::Absent)
    }
}

/// Whether a sandbox's files may be made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Existence {
    /// The sandbox has never been seen running: make its files if they are not there.
    Create,
    /// The sandbox has existed: without its files it is lost, never a fresh empty one.
    Existing,
    /// The sandbox is archived: make its files from [`Wish::archive`] if they are not there.
    Restore,
}

/// What a sandbox is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxSpec {
    /// Whose it is. Only a label for the guest's environment; the runner decides nothing by it.
    pub organization: OrganizationId,
    /// The root file system under its own files.
    pub root: RootRef,
    /// The snapshot's name, shown to programs inside as `DAYTONA_SANDBOX_SNAPSHOT`.
    pub snapshot_name: String,
    /// The region, shown to programs inside as `DAYTONA_REGION_ID`.
    pub region: String,
    /// As whom PID 1 and every command runs. `None`: the image's user, else root.
    pub user: Option<OsUser>,
    /// Added to the environment of every process.
    pub env: BTreeMap<EnvName, String>,
    /// Limits.
    pub resources: Resources,
    /// What it may reach.
    pub network: NetworkPolicy,
    /// What it is linked with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
    /// The volumes that it mounts; no two at one path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<VolumeMount>,
    /// What its image says.
    #[serde(default, skip_serializing_if = "ImageSetup::is_nothing")]
    pub image: ImageSetup,
    /// Empty directories in memory that it has beside its root; no two at one path, none at a volume's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scratch: Vec<ScratchMount>,
}

/// What an image says of every process in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageSetup {
    /// `NAME=value`; the sandbox's own variables win.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Where processes start. `None`, or what cannot be entered: the user's home.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_dir: Option<String>,
    /// The program that runs beside whatever is asked of the sandbox, and its arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
}

impl ImageSetup {
    /// Whether it says nothing.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What a sandbox may reach beyond itself. Host, neighbours, metadata and private ranges are denied
/// under every policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkPolicy {
    /// Everything public.
    Public,
    /// Nothing, not even name resolution.
    Blocked,
}

/// What a runner saw of one sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Which sandbox.
    pub id: SandboxId,
    /// The newest wish that the runner has accepted for it. `None`: found on the host, no wish known.
    pub generation: Option<Generation>,
    /// What is so.
    pub state: Observed,
    /// Why, when `state` is [`Observed::Failed`], or when a sandbox stopped without a wish. Fit for users.
    pub reason: Option<String>,
    /// Whether another try, or more room, may cure what `reason` tells.
    #[serde(default)]
    pub curable: bool,
    /// The version of the toolbox inside, when it is running.
    pub daemon_version: Option<String>,
    /// How far the newest task is, while the wish names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskReport>,
}

/// The state of one sandbox on its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observed {
    /// Accepted; its root file system is still being made or fetched.
    WaitingForRoot,
    /// Files and limits are being made.
    Creating,
    /// Its files are being fetched from the object store.
    Restoring,
    /// Booting.
    Starting,
    /// Running, toolbox answering.
    Started,
    /// Running, and its limits are being changed.
    Resizing,
    /// Being frozen.
    Pausing,
    /// Frozen.
    Paused,
    /// Being thawed.
    Resuming,
    /// Being ended.
    Stopping,
    /// Not running, files kept.
    Stopped,
    /// Being removed.
    Removing,
    /// Nothing of it is on this host.
    Absent,
    /// Its files should be on this host and are not.
    Lost,
    /// The last attempt to reach the wish failed and nothing is under way. A wish of a newer generation starts again.
    Failed,
}

impl Observed {
    /// Whether nothing is under way: the next change needs a new wish or an accident.
    pub const fn is_settled(self) -> bool {
        matches!(
            self,
            Self::Started | Self::Paused | Self::Stopped | Self::Absent | Self::Lost | Self::Failed
        )
    }
}

/// One line of the event stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The first line: who speaks.
    Hello(RunnerInfo),
    /// A sandbox is as said. Before [`Event::InSync`]: is so now; afterwards: has changed.
    Sandbox(Observation),
    /// Everything that was so at the time of `Hello` has been said. Sandboxes not named are absent.
    InSync,
    /// A root file system is as said.
    Root(RootStatus),
}

/// Who a runner is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerInfo {
    /// Kept with the runner's data: the same after a restart.
    pub id: RunnerId,
    /// [`PROTOCOL_VERSION`] of the runner.
    pub protocol: u32,
    /// The program's version.
    pub version: String,
}

/// How far a root file system is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootStatus {
    /// Which.
    pub root: RootRef,
    /// How far.
    pub state: RootState,
    /// Its size on disk in bytes, once it is ready.
    pub size_bytes: Option<u64>,
    /// What is being done (a line of progress), or why it failed. Fit for users.
    pub detail: Option<String>,
}

/// How far a root file system is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RootState {
    /// Being made. Sandboxes that need it wait.
    Preparing,
    /// Usable.
    Ready,
    /// Could not be made; see the detail. Tried again at the next wish for it.
    Failed,
}

/// What a running sandbox uses now, and what it may.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Processors in use on average in the last window of about 5 s; 0 before there was one.
    pub cpu_used: f64,
    /// Processors that it may use.
    pub cpu_limit: f64,
    /// Memory in use, page cache included.
    pub memory_used_bytes: u64,
    /// Page cache within that.
    pub memory_cache_bytes: u64,
    /// The most memory that it may use. Absent: not limited.
    pub memory_limit_bytes: Option<u64>,
    /// Bytes of its own files (the snapshot's are not counted).
    pub disk_used_bytes: u64,
    /// The most that its own files may take.
    pub disk_limit_bytes: u64,
}

/// Asks for a connection to the inside of a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRequest {
    /// Which sandbox.
    pub id: SandboxId,
    /// Where to.
    pub target: OpenTarget,
}

/// Where inside a sandbox a connection goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenTarget {
    /// The toolbox's HTTP server.
    Toolbox,
}

/// The answer to an [`OpenRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenAnswer {
    /// Here it is: the descriptor is in the same message.
    Opened,
    /// The sandbox does not run here.
    NotRunning,
    /// It runs and its toolbox does not accept connections.
    Unreachable,
}

/// The body of every answer above 399.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What went wrong, for the log of the caller.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_reads_as_documented() {
        let text = r#"{
            "generation": {"epoch": 1, "number": 3},
            "desired": "started",
            "existence": "create",
            "spec": {
                "organization": "b2f0a9a4-7a33-4b51-8a56-0f1f0f2d9c01",
                "root": "builtin",
                "snapshot_name": "paddock-small",
                "region": "local",
                "user": "daytona",
                "env": {"A": "1"},
                "resources": {"cpu": 1, "memory": 1, "disk": 3},
                "network": "public"
            }
        }"#;
        let wish: Wish = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::from_value::<Wish>(serde_json::to_value(&wish).unwrap()).unwrap(), wish);
        assert_eq!(wish.desired, Desired::Started);
    }

    #[test]
    fn a_user_that_could_not_be_one_is_refused_at_the_edge() {
        assert!(serde_json::from_str::<OsUser>(r#""root:0""#).is_err());
    }

    #[test]
    fn an_open_request_is_one_short_line() {
        let request = OpenRequest {
            id: "8d3a2c7e-51b0-4a4e-9a0d-6f2f6c1b7e10".parse().unwrap(),
            target: OpenTarget::Toolbox,
        };
        assert_eq!(
            serde_json::to_string(&request).unwrap(),
            r#"{"id":"8d3a2c7e-51b0-4a4e-9a0d-6f2f6c1b7e10","target":"toolbox"}"#
        );
    }
}
