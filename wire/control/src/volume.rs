//! Volumes.

use paddock_types::VolumeState;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::{Fields, Invalid, Query, WireTime, schema};

/// Reference schema `VolumeDto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VolumeDto {
    /// Which.
    pub id: String,
    /// Its name; the id when its maker gave none.
    pub name: String,
    /// Whose.
    pub organization_id: String,
    /// Whether it can be mounted.
    #[schema(schema_with = schema::volume_state)]
    pub state: VolumeState,
    /// Since when.
    #[schema(value_type = String)]
    pub created_at: WireTime,
    /// When its state last changed.
    #[schema(value_type = String)]
    pub updated_at: WireTime,
    /// When a sandbox that mounts it was last started; absent is never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub last_used_at: Option<WireTime>,
    /// Why it could not be made or removed. The key is always there.
    #[schema(required = true)]
    pub error_reason: Option<String>,
}

/// Reference schema `CreateVolume`. The reference wants a name; without one it is the id here, as its server does.
#[derive(Debug, Clone, Default, PartialEq, Eq, ToSchema)]
pub struct CreateVolume {
    /// Unique among the organization's live volumes; the id unless given.
    pub name: Option<String>,
}

impl CreateVolume {
    /// Reads a request.
    ///
    /// # Errors
    /// When the name is not text.
    pub fn read(mut fields: Fields) -> Result<Self, Invalid> {
        let read = Self { name: fields.text("name") };
        fields.finish()?;
        Ok(read)
    }
}

/// Reference schema `SandboxVolume`, asked and answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SandboxVolume {
    /// Which: an id, or when asked for also a name.
    pub volume_id: String,
    /// Where it is shown: absolute, and nothing that the system needs (`spec/control-plane.md` G.4).
    pub mount_path: String,
    /// The directory of the volume that is shown instead of the whole, made if it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subpath: Option<String>,
}

/// The most volumes of one sandbox. Ours: the reference names no limit, and each costs every start of it.
const MOST_MOUNTS: usize = 64;

impl SandboxVolume {
    /// Reads the field `volumes`; absent is none. Only types are checked here.
    pub(crate) fn read_all(fields: &mut Fields) -> Vec<Self> {
        let items = match fields.raw("volumes") {
            None => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(_) => {
                fields.problem("volumes must be an array of objects");
                return Vec::new();
            }
        };
        if items.len() > MOST_MOUNTS {
            fields.problem(format!("volumes must have at most {MOST_MOUNTS} entries"));
            return Vec::new();
        }
        items.into_iter().enumerate().filter_map(|(number, item)| Self::read(fields, number, &item)).collect()
    }

    fn read(fields: &mut Fields, number: usize, item: &Value) -> Option<Self> {
        if !item.is_object() {
            fields.problem(format!("volumes.{number} must be an object"));
            return None;
        }
        let mut text = |name: &str| match &item[name] {
            Value::String(text) if text.contains('\0') => {
                fields.problem(format!("volumes.{number}.{name} must not contain NUL characters"));
                Err(())
            }
            Value::String(text) if !text.is_empty() => Ok(Some(text.clone())),
            Value::String(_) | Value::Null => Ok(None),
            _ => {
                fields.problem(format!("volumes.{number}.{name} must be a string"));
                Err(())
            }
        };
        let (volume_id, mount_path, subpath) = (text("volumeId"), text("mountPath"), text("subpath"));
        for (name, value) in [("volumeId", &volume_id), ("mountPath", &mount_path)] {
            if *value == Ok(None) {
                fields.problem(format!("volumes.{number}.{name} must be given"));
            }
        }
        Some(Self { volume_id: volume_id.ok()??, mount_path: mount_path.ok()??, subpath: subpath.ok()? })
    }
}

/// The query of `GET /volumes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct ListVolumes {
    /// Whether those that are gone are listed too.
    #[param(required = false)]
    pub include_deleted: bool,
}

impl ListVolumes {
    /// Reads a query.
    ///
    /// # Errors
    /// When the flag is neither `true` nor `false`.
    pub fn read(mut query: Query) -> Result<Self, Invalid> {
        let read = Self { include_deleted: query.flag("includeDeleted").unwrap_or(false) };
        query.finish()?;
        Ok(read)
    }
}
