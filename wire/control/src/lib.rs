//! The public REST API as types: what clients send and read, and nothing else.
//!
//! Names and spellings are the reference's, to the letter; each type names the reference schema that
//! it stands for. Reading is strict and complete: [`Fields`] and [`Query`] name everything that is wrong
//! with a request in one answer, and ignore what they do not know. There are no decisions here, and
//! nothing that a server keeps to itself.

mod api_key;
mod build;
mod configuration;
mod error;
mod event;
mod fields;
mod health;
pub mod internal;
mod organization;
mod query;
mod region;
mod registry;
mod sandbox;
mod sandbox_query;
mod schema;
mod snapshot;
mod time;
mod user;
mod volume;
mod warm_pool;

pub use api_key::{ApiKeyList, ApiKeyResponse, CreateApiKey};
pub use build::{BuildInfo, BuildLogs, CreateBuildInfo, Url};
pub use configuration::{Announcement, DaytonaConfiguration, OidcConfig};
pub use error::{ErrorBody, ErrorSource};
pub use event::{DesiredStateUpdated, SandboxStateUpdated, SnapshotStateUpdated, VolumeStateUpdated};
pub use fields::{Fields, Invalid};
pub use health::{Health, HealthReport, ServiceHealth};
pub use organization::{CreatedKey, CreatedOrganization, NewOrganization, Organization, OtelConfig};
pub use query::{Query, Side};
pub use region::Region;
pub use registry::{CreateDockerRegistry, DockerRegistry, RegistryType, UpdateDockerRegistry};
pub use sandbox::{
    CreateSandbox, CreateSandboxSnapshot, ForkSandbox, ListSandboxesResponse, PaginatedSandboxes,
    PortPreviewUrl, ResizeSandbox, Sandbox, SandboxLabels, SandboxListItem, ToolboxProxyUrl,
    UpdateLastActivity,
};
pub use sandbox_query::{ListSandboxes, ListSandboxesPaginated, SandboxFilters, SandboxSortField};
pub use snapshot::{CreateSnapshot, ListSnapshots, PaginatedSnapshots, SnapshotDto, SnapshotSortField};
pub use time::{WireTime, parse_time};
pub use user::{User, UserPublicKey};
pub use volume::{CreateVolume, ListVolumes, SandboxVolume, VolumeDto};
pub use warm_pool::{CreateWarmPool, UpdateWarmPool, WarmPool};
