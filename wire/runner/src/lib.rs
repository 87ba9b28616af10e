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
//!
//! A second socket, `open.sock`, hands out connected sockets to the inside of sandboxes: the client
//! writes one line of JSON, [`OpenRequest`]; the runner answers one line of JSON, [`OpenAnswer`],
//! and with [`OpenAnswer::Opened`] the descriptor travels along (`SCM_RIGHTS`). A connection may ask any
//! number of times.
//!
//! A wish is the whole truth for one sandbox and may be sent any number of times. The runner acts on
//! the newest generation; an observation names the generation that it answers.

use std::collections::BTreeMap;

use paddock_types::{EnvName, Generation, OrganizationId, OsUser, Resources, RootRef, RunnerId, SandboxId};
use serde::{Deserialize, Serialize};

/// The version of this protocol. A runner refuses a control process of another one.
pub const PROTOCOL_VERSION: u32 = 1;

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
}

/// What a sandbox should become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Desired {
    /// Running, toolbox answering.
    Started,
    /// Not running, files kept. Graceful: SIGTERM, then SIGKILL after the grace period.
    Stopped,
    /// As `Stopped`, with SIGKILL at once.
    Killed,
    /// Gone, with its files.
    Absent,
}

/// Whether a sandbox's files may be made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Existence {
    /// The sandbox has never been seen running: make its files if they are not there.
    Create,
    /// The sandbox has existed: without its files it is lost, never a fresh empty one.
    Existing,
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
    /// The version of the toolbox inside, when it is running.
    pub daemon_version: Option<String>,
}

/// The state of one sandbox on its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observed {
    /// Accepted; its root file system is still being made or fetched.
    WaitingForRoot,
    /// Files and limits are being made.
    Creating,
    /// Booting.
    Starting,
    /// Running, toolbox answering.
    Started,
    /// Being ended.
    Stopping,
    /// Not running, files kept.
    Stopped,
    /// Being removed.
    Removing,
    /// Nothing of it is on this host.
    Absent,
    /// The last attempt to reach the wish failed and nothing is under way. A wish of a newer generation starts again.
    Failed,
}

impl Observed {
    /// Whether nothing is under way: the next change needs a new wish or an accident.
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Started | Self::Stopped | Self::Absent | Self::Failed)
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

/// What a sandbox uses now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
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
