//! Snapshots.

use paddock_types::SnapshotState;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{BuildInfo, CreateBuildInfo, Fields, Invalid, Query, WireTime, schema};

/// Reference schema `SnapshotDto`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotDto {
    /// Which.
    pub id: String,
    /// Whose; absent for those of everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
    /// Whether every organization may use it.
    pub general: bool,
    /// Its name.
    pub name: String,
    /// Whether it can be used.
    #[schema(schema_with = schema::snapshot_state)]
    pub state: SnapshotState,
    /// GiB on disk, to two decimals; null until known.
    #[schema(required = true)]
    pub size: Option<f64>,
    /// What it runs when a sandbox starts; null is the default.
    #[schema(required = true)]
    pub entrypoint: Option<Vec<String>>,
    /// Cores of a sandbox made from it.
    pub cpu: u32,
    /// GPUs of a sandbox made from it.
    pub gpu: u32,
    /// GiB of memory of a sandbox made from it.
    pub mem: u32,
    /// GiB of disk of a sandbox made from it.
    pub disk: u32,
    /// The image that it is made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_name: Option<String>,
    /// What it is built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_info: Option<BuildInfo>,
    /// Why it cannot be used.
    #[schema(required = true)]
    pub error_reason: Option<String>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: WireTime,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: WireTime,
    /// When a sandbox was last made from it; null is never.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub last_used_at: Option<WireTime>,
    /// The sandbox it was taken from; null is none.
    #[schema(required = true)]
    pub source_sandbox_id: Option<String>,
    /// Where it can be used.
    pub region_ids: Vec<String>,
    /// What kind of sandbox it makes: `container`.
    pub sandbox_class: String,
    /// Always false; SDKs 0.116 to 0.123 cannot read a snapshot without it.
    pub skip_validation: bool,
}

/// Reference schema `CreateSnapshot`.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct CreateSnapshot {
    /// Its name, unique in the organization.
    pub name: String,
    /// An image with a tag other than `latest`, or with a digest. Needed without a build.
    pub image_name: Option<String>,
    /// What it runs in the place of what its image says: the program and its arguments. Not with a build.
    #[schema(required = false)]
    pub entrypoint: Vec<String>,
    /// What its image is built from.
    pub build_info: Option<CreateBuildInfo>,
    /// Cores of a sandbox made from it; 1 unless given.
    pub cpu: Option<i64>,
    /// GiB of memory; 1 unless given.
    pub memory: Option<i64>,
    /// GiB of disk; 3 unless given.
    pub disk: Option<i64>,
    /// GPUs: none can be had.
    pub gpu: Option<i64>,
    /// Id or name of a region.
    pub region_id: Option<String>,
    /// `container` unless given; others are refused.
    pub sandbox_class: Option<String>,
}

impl CreateSnapshot {
    /// Reads a request.
    ///
    /// # Errors
    /// Everything that has the wrong type, and a missing name.
    pub fn read(mut fields: Fields) -> Result<Self, Invalid> {
        let name = fields.text("name");
        if name.is_none() {
            fields.problem("name should not be empty");
        }
        let read = Self {
            name: name.unwrap_or_default(),
            image_name: fields.text("imageName"),
            entrypoint: fields.texts("entrypoint").unwrap_or_default(),
            build_info: CreateBuildInfo::read(&mut fields),
            cpu: crate::sandbox::size(&mut fields, "cpu"),
            memory: crate::sandbox::size(&mut fields, "memory"),
            disk: crate::sandbox::size(&mut fields, "disk"),
            gpu: crate::sandbox::size(&mut fields, "gpu"),
            region_id: fields.text("regionId"),
            sandbox_class: fields.text("sandboxClass"),
        };
        fields.finish()?;
        Ok(read)
    }
}

/// Reference schema `PaginatedSnapshots`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaginatedSnapshots {
    /// One page.
    pub items: Vec<SnapshotDto>,
    /// How many there are.
    pub total: u64,
    /// Which page this is, from 1.
    pub page: u64,
    /// How many pages there are.
    pub total_pages: u64,
}

/// By what snapshots are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotSortField {
    /// `name`.
    Name,
    /// `state`.
    State,
    /// `lastUsedAt`, the default.
    LastUsedAt,
    /// `createdAt`.
    CreatedAt,
}

/// The query of `GET /snapshots`.
#[derive(Debug, Clone, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct ListSnapshots {
    /// From 1.
    #[param(required = false, minimum = 1, default = 1)]
    pub page: u32,
    /// 1 to 200.
    #[param(required = false, minimum = 1, maximum = 200, default = 100)]
    pub limit: u32,
    /// Part of the name, in any case.
    pub name: Option<String>,
    /// Only those taken from this sandbox.
    pub source_sandbox_id: Option<String>,
    /// By what; ties by id.
    #[param(value_type = Option<String>)]
    pub sort: SnapshotSortField,
    /// `asc` or `desc`, the default.
    #[param(rename = "order", value_type = Option<String>)]
    pub descending: bool,
}

impl ListSnapshots {
    /// Reads a query.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(mut query: Query) -> Result<Self, Invalid> {
        let sorts = [
            ("name", SnapshotSortField::Name),
            ("state", SnapshotSortField::State),
            ("lastUsedAt", SnapshotSortField::LastUsedAt),
            ("createdAt", SnapshotSortField::CreatedAt),
        ];
        let read = Self {
            page: crate::sandbox_query::page(&mut query),
            limit: crate::sandbox_query::limit(&mut query),
            name: query.name("name"),
            source_sandbox_id: query.name("sourceSandboxId"),
            sort: query.one_of("sort", &sorts).unwrap_or(SnapshotSortField::LastUsedAt),
            descending: query.one_of("order", &[("asc", false), ("desc", true)]).unwrap_or(true),
        };
        query.finish()?;
        Ok(read)
    }
}
