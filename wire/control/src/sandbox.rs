//! Sandboxes.

use std::collections::BTreeMap;

use paddock_types::{Cores, DesiredState, Gib, SandboxState};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{BuildInfo, CreateBuildInfo, Fields, Invalid, SandboxVolume, WireTime, schema};

/// Reference schema `CreateSandbox`. Every field may be absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct CreateSandbox {
    /// Unique among the organization's live sandboxes; the id unless given.
    pub name: Option<String>,
    /// Id or name of a snapshot; the installation's default unless given.
    pub snapshot: Option<String>,
    /// The OS user of everything that runs inside; the snapshot's unless given. It has to exist there.
    pub user: Option<String>,
    /// Added to the environment of every process.
    #[schema(required = false)]
    pub env: BTreeMap<String, String>,
    /// What the maker notes on it.
    #[schema(required = false)]
    pub labels: BTreeMap<String, String>,
    /// Whether its previews need no credential.
    #[schema(required = false)]
    pub public: bool,
    /// Whether it reaches nothing.
    #[schema(required = false)]
    pub network_block_all: bool,
    /// Id or name of a region.
    pub target: Option<String>,
    /// Cores. Of a build 1 unless given; otherwise they come from the snapshot, and anything but 0 is refused.
    pub cpu: Option<i64>,
    /// GiB of memory. As `cpu`.
    pub memory: Option<i64>,
    /// GiB of disk. As `cpu`.
    pub disk: Option<i64>,
    /// GPUs. As `cpu`.
    pub gpu: Option<i64>,
    /// Minutes of idleness before it is stopped; 0 is never. 15 unless given, or never beside an `autoPauseInterval`.
    pub auto_stop_interval: Option<i64>,
    /// Minutes of idleness before it is paused; 0 is never. Excludes `autoStopInterval`.
    pub auto_pause_interval: Option<i64>,
    /// Minutes after stopping before it is archived; 0 is the longest.
    pub auto_archive_interval: Option<i64>,
    /// Minutes after stopping before it is deleted; 0 is at once, negative is never.
    pub auto_delete_interval: Option<i64>,
    /// Minutes that it lives, whatever its state; 0 is for ever.
    pub ttl_minutes: Option<i64>,
    /// Id or name of a sandbox to be linked with.
    pub linked_sandbox: Option<String>,
    /// The volumes that it mounts.
    #[schema(required = false)]
    pub volumes: Vec<SandboxVolume>,
    /// What was asked for and cannot be had in this version, by field name.
    #[schema(ignore)]
    pub unavailable: Vec<&'static str>,
    /// What its image is built from, in the place of a snapshot.
    pub build_info: Option<CreateBuildInfo>,
}

/// Fields of the reference that this version refuses, unless their value asks for nothing.
const UNAVAILABLE: &[&str] = &[
    "secrets",
    "gpuType",
    "spot",
    "kvm",
    "networkAllowList",
    "domainAllowList",
    "outboundProxyUrl",
    "otelEndpointOverride",
    "queueTimeout",
];

impl CreateSandbox {
    /// Reads a request. What it asks for and cannot be had is listed, not refused here.
    ///
    /// # Errors
    /// Everything that has the wrong type.
    pub fn read(mut fields: Fields) -> Result<Self, Invalid> {
        let mut read = Self {
            name: fields.text("name"),
            snapshot: fields.text("snapshot"),
            user: fields.text("user"),
            env: fields.map("env"),
            labels: fields.map("labels"),
            public: fields.flag("public"),
            network_block_all: fields.flag("networkBlockAll"),
            target: fields.text("target"),
            cpu: size(&mut fields, "cpu"),
            memory: size(&mut fields, "memory"),
            disk: size(&mut fields, "disk"),
            gpu: size(&mut fields, "gpu"),
            auto_stop_interval: fields.integer("autoStopInterval"),
            auto_pause_interval: fields.integer("autoPauseInterval"),
            auto_archive_interval: fields.integer("autoArchiveInterval"),
            auto_delete_interval: fields.integer("autoDeleteInterval"),
            ttl_minutes: fields.integer("ttlMinutes"),
            linked_sandbox: fields.text("linkedSandbox"),
            volumes: SandboxVolume::read_all(&mut fields),
            unavailable: Vec::new(),
            build_info: CreateBuildInfo::read(&mut fields),
        };
        for name in UNAVAILABLE {
            let asks = fields.raw(name).is_some_and(|value| asks_for_something(&value));
            if asks {
                read.unavailable.push(name);
            }
        }
        fields.finish()?;
        Ok(read)
    }
}

/// A size: a whole number, not negative.
pub(crate) fn size(fields: &mut Fields, name: &str) -> Option<i64> {
    let size = fields.integer(name)?;
    if size < 0 {
        fields.problem(format!("{name} must not be less than 0"));
        return None;
    }
    Some(size)
}

/// Whether a value is more than a spelt-out default.
fn asks_for_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64().is_none_or(|number| number > 0.0),
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(_) => true,
    }
}

/// Reference schema `Sandbox`. Numbers are integers without fraction: the strictest client refuses
/// `1.0`. Optional keys are left out, never null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sandbox {
    /// What lists show too.
    #[serde(flatten)]
    pub summary: SandboxListItem,
    /// Added to the environment of every process.
    pub env: BTreeMap<String, String>,
    /// Whether the guest has `/dev/kvm`: no. The newest Python client cannot do without the key.
    pub kvm: bool,
    /// The volumes that it mounts.
    #[schema(required = false)]
    pub volumes: Vec<SandboxVolume>,
    /// The sandbox that it is linked with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked_sandbox_id: Option<String>,
    /// What its image is built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_info: Option<BuildInfo>,
    /// When its newest backup was completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub backup_created_at: Option<WireTime>,
}

/// Reference schema `SandboxListItem`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SandboxListItem {
    /// Which.
    pub id: String,
    /// Whose.
    pub organization_id: String,
    /// Its name; the id when its maker gave none.
    pub name: String,
    /// The name of what it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// The OS user of everything that runs inside.
    pub user: String,
    /// What the maker notes on it.
    pub labels: BTreeMap<String, String>,
    /// Whether its previews need no credential.
    pub public: bool,
    /// Whether it reaches nothing.
    pub network_block_all: bool,
    /// The region.
    pub target: String,
    /// Cores.
    pub cpu: u32,
    /// GPUs.
    pub gpu: u32,
    /// GiB of memory.
    pub memory: u32,
    /// GiB of disk.
    pub disk: u32,
    /// How it is.
    #[schema(schema_with = schema::sandbox_state, required = false)]
    pub state: SandboxState,
    /// What it should become.
    #[schema(schema_with = schema::desired_state, required = false)]
    pub desired_state: DesiredState,
    /// Why it failed, or why it stopped by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_reason: Option<String>,
    /// Whether a failure can be cured by another try.
    #[schema(required = false)]
    pub recoverable: bool,
    /// Whether it may be evicted: no.
    #[schema(required = false)]
    pub spot: bool,
    /// How far its backup is: `None`, `Pending`, `InProgress`, `Completed` or `Error`.
    #[schema(required = false)]
    pub backup_state: String,
    /// Minutes of idleness before it is stopped; 0 is never.
    #[schema(required = false)]
    pub auto_stop_interval: i64,
    /// Minutes of idleness before it is paused; 0 is never.
    #[schema(required = false)]
    pub auto_pause_interval: i64,
    /// Minutes after stopping before it is archived.
    #[schema(required = false)]
    pub auto_archive_interval: i64,
    /// Minutes after stopping before it is deleted; 0 is at once, negative is never.
    #[schema(required = false)]
    pub auto_delete_interval: i64,
    /// When it is destroyed whatever its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub auto_destroy_at: Option<WireTime>,
    /// Since when.
    #[schema(value_type = Option<String>)]
    pub created_at: WireTime,
    /// When it last changed.
    #[schema(value_type = Option<String>)]
    pub updated_at: WireTime,
    /// When it was last used.
    #[schema(value_type = Option<String>)]
    pub last_activity_at: WireTime,
    /// What kind of sandbox it is: `container`.
    #[schema(required = false)]
    pub sandbox_class: String,
    /// The version of the toolbox inside, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daemon_version: Option<String>,
    /// Where it was last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner_id: Option<String>,
    /// The warm pool in which it waits for an owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_pool_id: Option<String>,
    /// The base of its toolbox, without its id and without a slash at the end.
    pub toolbox_proxy_url: String,
}

/// Reference schema `ListSandboxesResponse`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListSandboxesResponse {
    /// One page, in the order asked for.
    pub items: Vec<SandboxListItem>,
    /// What to ask the next page with; null at the end. The key is always there.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

/// Reference schema `PaginatedSandboxes_deprecated`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PaginatedSandboxes_deprecated)]
pub struct PaginatedSandboxes {
    /// One page, in the order asked for.
    pub items: Vec<Sandbox>,
    /// How many there are.
    pub total: u64,
    /// Which page this is, from 1.
    pub page: u64,
    /// How many pages there are.
    pub total_pages: u64,
}

/// Reference schema `SandboxLabels`, asked and answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SandboxLabels {
    /// All of them.
    pub labels: BTreeMap<String, String>,
}

impl SandboxLabels {
    /// Reads a request: any object that has `labels`, even a whole sandbox.
    ///
    /// # Errors
    /// When `labels` is missing or not an object of strings.
    pub fn read(mut fields: Fields) -> Result<Self, Invalid> {
        if !fields.has("labels") {
            fields.problem("labels must be an object of strings");
        }
        let labels = fields.map("labels");
        fields.finish()?;
        Ok(Self { labels })
    }
}

/// Reference schema `ResizeSandbox`. What is absent stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
pub struct ResizeSandbox {
    /// Cores.
    #[schema(value_type = Option<i64>)]
    pub cpu: Option<Cores>,
    /// GiB of memory.
    #[schema(value_type = Option<i64>)]
    pub memory: Option<Gib>,
    /// GiB of disk.
    #[schema(value_type = Option<i64>)]
    pub disk: Option<Gib>,
}

impl ResizeSandbox {
    /// Reads a request.
    ///
    /// # Errors
    /// When a size is no whole number from 1, and when none is given.
    pub fn read(mut fields: Fields) -> Result<Self, Invalid> {
        let mut size = |name: &str| {
            let size = fields.integer(name)?;
            let fits = u32::try_from(size).ok().filter(|size| *size > 0);
            if fits.is_none() {
                fields.problem(format!("{name} must be between 1 and {}", u32::MAX));
            }
            fits
        };
        let [cpu, memory, disk] = ["cpu", "memory", "disk"].map(&mut size);
        fields.finish()?;
        if [cpu, memory, disk] == [None; 3] {
            return Err(Invalid(vec!["cpu, memory or disk must be given".to_owned()]));
        }
        Ok(Self { cpu: cpu.map(Cores), memory: memory.map(Gib), disk: disk.map(Gib) })
    }
}

/// Reference schema `ForkSandbox`. The whole body may be absent.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
pub struct ForkSandbox {
    /// The new sandbox's name; its id unless given.
    pub name: Option<String>,
}

impl ForkSandbox {
    /// Reads a request.
    ///
    /// # Errors
    /// When the name is not a text.
    pub fn read(mut fields: Fields) -> Result<Self, Invalid> {
        let name = fields.text("name");
        fields.finish()?;
        Ok(Self { name })
    }
}

/// Reference schema `CreateSandboxSnapshot`.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateSandboxSnapshot {
    /// The snapshot's name.
    #[schema(pattern = "^[a-zA-Z0-9_.\\-:]+(/[a-zA-Z0-9_.\\-:]+)*$")]
    pub name: String,
    /// Whether memory is part of it. No class of sandboxes here can do that: refused.
    #[schema(required = false, default = false)]
    pub include_memory: bool,
}

impl CreateSandboxSnapshot {
    /// Reads a request.
    ///
    /// # Errors
    /// When there is no name, or something has the wrong type.
    pub fn read(mut fields: Fields) -> Result<Self, Invalid> {
        let name = fields.text("name").unwrap_or_else(|| {
            fields.problem("name should not be empty");
            String::new()
        });
        let include_memory = fields.flag("includeMemory");
        fields.finish()?;
        Ok(Self { name, include_memory })
    }
}

/// Reference schema `ToolboxProxyUrl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ToolboxProxyUrl {
    /// The same as `toolboxProxyUrl` of the sandbox.
    pub url: String,
}

/// Reference schema `PortPreviewUrl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PortPreviewUrl {
    /// Whose port.
    pub sandbox_id: String,
    /// Where it is to be seen.
    pub url: String,
    /// What opens it: in the header `X-Daytona-Preview-Token` or the query key `DAYTONA_SANDBOX_AUTH_KEY`.
    /// Renewed at each start of the sandbox.
    pub token: String,
}

/// Reference schema `UpdateLastActivity`. The whole body may be absent.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct UpdateLastActivity {
    /// What was done. Only for logs.
    pub activity_type: Option<String>,
}

impl UpdateLastActivity {
    /// Reads a request.
    ///
    /// # Errors
    /// When the type of activity is not a text.
    pub fn read(mut fields: Fields) -> Result<Self, Invalid> {
        let activity_type = fields.text("activityType");
        fields.finish()?;
        Ok(Self { activity_type })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<CreateSandbox, Invalid> {
        CreateSandbox::read(Fields::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn what_real_clients_send_without_parameters_asks_for_nothing() {
        for text in [
            "",
            r#"{"env":{},"labels":{"code-toolbox-language":"python"},"volumes":[]}"#,
            r#"{"autoArchiveInterval":10080,"autoDeleteInterval":-1,"networkBlockAll":false,"spot":false,"public":false}"#,
            r#"{"name":null,"snapshot":"","user":null,"target":"","env":null,"buildInfo":null,"ttlMinutes":0,"gpuType":[],
                "secrets":[],"kvm":false,"networkAllowList":"","domainAllowList":null,"cpu":0,"gpu":0,"new":{"er":1}}"#,
        ] {
            let request = read(text).unwrap();
            assert_eq!(request.unavailable, Vec::<&str>::new(), "{text}");
            assert_eq!((request.name, request.snapshot, request.target), (None, None, None));
        }
    }

    #[test]
    fn what_cannot_be_had_is_listed() {
        let request = read(
            r#"{"buildInfo":{"dockerfileContent":"FROM x"},"spot":true,"kvm":true,"networkAllowList":"1.1.1.1/32"}"#,
        );
        let request = request.unwrap();
        assert_eq!(request.unavailable, ["spot", "kvm", "networkAllowList"]);
        assert_eq!(request.build_info.unwrap().dockerfile_content, "FROM x");
    }

    #[test]
    fn wrong_types_are_named_and_negative_sizes_refused() {
        let wrong =
            read(r#"{"name":5,"env":{"A":1},"public":"yes","cpu":-1,"memory":"1","autoStopInterval":"x"}"#);
        let message = wrong.unwrap_err().to_string();
        for name in ["name", "env.A", "public", "cpu", "memory", "autoStopInterval"] {
            assert!(message.contains(name), "{name} in {message}");
        }
    }

    #[test]
    fn labels_may_come_inside_a_whole_sandbox() {
        let read = |text: &str| SandboxLabels::read(Fields::parse(text.as_bytes()).unwrap());
        assert_eq!(read(r#"{"id":"x","labels":{"a":"b"},"cpu":1}"#).unwrap().labels.len(), 1);
        assert!(read("{}").is_err());
        assert!(read(r#"{"labels":{"a":null}}"#).is_err());
    }
}
