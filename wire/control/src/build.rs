//! Builds: what an image is made from.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::{Fields, Invalid, Query, WireTime};

/// Reference schema `CreateBuildInfo`.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct CreateBuildInfo {
    /// The Dockerfile, at most 1 MiB.
    pub dockerfile_content: String,
    /// The contexts, by the names that they were uploaded under (`GET /object-storage/push-access`); at most 256.
    #[schema(required = false)]
    pub context_hashes: Vec<String>,
}

/// Reference schema `BuildInfo`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BuildInfo {
    /// The Dockerfile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dockerfile_content: Option<String>,
    /// The contexts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_hashes: Option<Vec<String>>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: WireTime,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: WireTime,
    /// Names what comes of it: equal builds have one name.
    pub snapshot_ref: String,
}

/// Reference schema `Url`: where to ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Url {
    /// Absolute, without a query.
    pub url: String,
}

/// The query of `…/build-logs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BuildLogs {
    /// Whether the answer goes on until the build ends.
    #[param(required = false)]
    pub follow: bool,
}

impl BuildLogs {
    /// Reads a query.
    ///
    /// # Errors
    /// When `follow` is neither `true` nor `false`.
    pub fn read(mut query: Query) -> Result<Self, Invalid> {
        let follow = query.flag("follow").unwrap_or(false);
        query.finish()?;
        Ok(Self { follow })
    }
}

/// The most contexts of one build.
const MOST_CONTEXTS: usize = 256;
/// The longest Dockerfile, in bytes.
const LONGEST_DOCKERFILE: usize = 1 << 20;

impl CreateBuildInfo {
    /// Reads the field `buildInfo`. What is wrong is noted with the other problems.
    pub(crate) fn read(fields: &mut Fields) -> Option<Self> {
        let Value::Object(mut object) = fields.raw("buildInfo")? else {
            fields.problem("buildInfo must be an object");
            return None;
        };
        let dockerfile_content = match object.remove("dockerfileContent") {
            Some(Value::String(text)) if text.len() > LONGEST_DOCKERFILE => {
                fields.problem("buildInfo.dockerfileContent must have at most 1 MiB");
                return None;
            }
            Some(Value::String(text)) if !text.trim().is_empty() && !text.contains('\0') => text,
            _ => {
                fields.problem("buildInfo.dockerfileContent must be a Dockerfile");
                return None;
            }
        };
        let hashes = match object.remove("contextHashes") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) => items,
            Some(_) => {
                fields.problem("buildInfo.contextHashes must be an array of strings");
                return None;
            }
        };
        // They become parts of objects' names.
        let is_hash = |text: &&str| {
            (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        let read: Option<Vec<String>> =
            hashes.iter().map(|item| item.as_str().filter(is_hash).map(ToOwned::to_owned)).collect();
        match read {
            Some(context_hashes) if context_hashes.len() <= MOST_CONTEXTS => {
                Some(Self { dockerfile_content, context_hashes })
            }
            _ => {
                fields.problem("buildInfo.contextHashes must be at most 256 hashes");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<CreateBuildInfo>, String> {
        let mut fields = Fields::parse(text.as_bytes()).unwrap();
        let read = CreateBuildInfo::read(&mut fields);
        fields.finish().map(|()| read).map_err(|problems| problems.to_string())
    }

    #[test]
    fn a_build_is_a_dockerfile_and_hashes() {
        assert_eq!(read("{}"), Ok(None));
        let wanted = CreateBuildInfo {
            dockerfile_content: "FROM a\n".to_owned(),
            context_hashes: vec!["0a".to_owned()],
        };
        let text = r#"{"buildInfo":{"dockerfileContent":"FROM a\n","contextHashes":["0a"]}}"#;
        assert_eq!(read(text), Ok(Some(wanted)));
        for text in [
            r#"{"buildInfo":1}"#,
            r#"{"buildInfo":{}}"#,
            r#"{"buildInfo":{"dockerfileContent":""}}"#,
            r#"{"buildInfo":{"dockerfileContent":"FROM a","contextHashes":["../x"]}}"#,
            r#"{"buildInfo":{"dockerfileContent":"FROM a","contextHashes":"x"}}"#,
            r#"{"buildInfo":{"dockerfileContent":"FROM a","contextHashes":[1]}}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
