//! Warm pools.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Fields, Invalid, WireTime};

/// Reference schema `CreateWarmPool`.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
pub struct CreateWarmPool {
    /// Id or name of the snapshot of which sandboxes are kept ready.
    pub snapshot: String,
    /// How many; at least 1.
    #[schema(value_type = i64, minimum = 1)]
    pub pool: u32,
    /// Id or name of a region; the organization's default unless given.
    pub target: Option<String>,
}

/// Reference schema `UpdateWarmPool`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
pub struct UpdateWarmPool {
    /// How many; 0 drains the pool.
    #[schema(value_type = i64, minimum = 0)]
    pub pool: u32,
}

impl CreateWarmPool {
    /// Reads a request.
    ///
    /// # Errors
    /// When the snapshot is missing, or the size is no whole number from 1.
    pub fn read(mut fields: Fields) -> Result<Self, Invalid> {
        let snapshot = fields.text("snapshot");
        if snapshot.is_none() {
            fields.problem("snapshot must be given");
        }
        let pool = size(&mut fields, 1);
        let target = fields.text("target");
        fields.finish()?;
        Ok(Self { snapshot: snapshot.unwrap_or_default(), pool: pool.unwrap_or_default(), target })
    }
}

impl UpdateWarmPool {
    /// Reads a request.
    ///
    /// # Errors
    /// When the size is no whole number from 0.
    pub fn read(mut fields: Fields) -> Result<Self, Invalid> {
        let pool = size(&mut fields, 0);
        fields.finish()?;
        Ok(Self { pool: pool.unwrap_or_default() })
    }
}

/// The field `pool`; what is wrong with it is noted.
fn size(fields: &mut Fields, least: u32) -> Option<u32> {
    if !fields.has("pool") {
        fields.problem("pool must be given");
        return None;
    }
    let size = u32::try_from(fields.integer("pool")?).ok().filter(|size| *size >= least);
    if size.is_none() {
        fields.problem(format!("pool must be a whole number from {least}"));
    }
    size
}

/// Reference schema `WarmPool`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WarmPool {
    /// Which.
    pub id: String,
    /// Whose.
    pub organization_id: String,
    /// The name of the snapshot.
    pub snapshot: String,
    /// The region.
    pub target: String,
    /// How many should be ready.
    pub pool: u32,
    /// How many are.
    pub current_size: u32,
    /// Cores of each.
    pub cpu: u32,
    /// GiB of memory of each.
    pub mem: u32,
    /// GiB of disk of each.
    pub disk: u32,
    /// As whom they run.
    pub os_user: String,
    /// Added to the environment of their processes: nothing.
    pub env: BTreeMap<String, String>,
    /// Why the pool cannot be filled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_reason: Option<String>,
    /// Since when.
    #[schema(value_type = String)]
    pub created_at: WireTime,
    /// When it was last changed.
    #[schema(value_type = String)]
    pub updated_at: WireTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        Fields::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_pool_has_a_snapshot_and_a_whole_number_of_members() {
        let read = |text| CreateWarmPool::read(fields(text));
        assert_eq!(read(r#"{"snapshot":"s","pool":2.0}"#).unwrap().pool, 2);
        assert_eq!(read(r#"{"snapshot":"s","pool":1,"target":""}"#).unwrap().target, None);
        let bad = [
            "{}",
            r#"{"snapshot":"s"}"#,
            r#"{"pool":1}"#,
            r#"{"snapshot":"s","pool":0}"#,
            r#"{"snapshot":"s","pool":-1}"#,
            r#"{"snapshot":"s","pool":1.5}"#,
            r#"{"snapshot":"s","pool":"1"}"#,
            r#"{"snapshot":"s","pool":4294967296}"#,
            r#"{"snapshot":5,"pool":1}"#,
        ];
        for text in bad {
            assert!(read(text).is_err(), "{text}");
        }
        assert_eq!(UpdateWarmPool::read(fields(r#"{"pool":0}"#)).unwrap().pool, 0);
        assert!(UpdateWarmPool::read(fields("{}")).is_err());
    }
}
