//! API keys.

use paddock_types::{Permission, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Fields, Invalid, WireTime, parse_time, schema};

/// Reference schema `CreateApiKey`.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct CreateApiKey {
    /// Unique for the user within the organization; 1 to 255 characters.
    pub name: String,
    /// What the key may do: a subset of what its maker may.
    #[schema(schema_with = schema::permissions)]
    pub permissions: Vec<Permission>,
    /// Until when; absent is for ever.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

impl CreateApiKey {
    /// Reads a request.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(mut fields: Fields) -> Result<Self, Invalid> {
        let name = fields.text("name").unwrap_or_default();
        if name.trim().is_empty() || name.chars().count() > 255 || name.chars().any(char::is_control) {
            fields.problem("name must have between 1 and 255 characters, none of them control characters");
        }
        if !fields.has("permissions") {
            fields.problem("permissions must be an array of strings");
        }
        let spellings = fields.texts("permissions").unwrap_or_default();
        let mut permissions: Vec<Permission> = Vec::new();
        for spelling in spellings {
            match spelling.parse() {
                Ok(permission) if permissions.contains(&permission) => {}
                Ok(permission) => permissions.push(permission),
                Err(_) => {
                    let all: Vec<&str> = Permission::ALL.iter().map(|one| one.as_str()).collect();
                    fields.problem(format!("each value in permissions must be one of: {}", all.join(", ")));
                    break;
                }
            }
        }
        let text = fields.text("expiresAt");
        let expires_at = text.as_deref().and_then(parse_time);
        if text.is_some() && expires_at.is_none() {
            fields.problem("expiresAt must be a valid ISO 8601 date");
        }
        fields.finish()?;
        Ok(Self { name, permissions, expires_at })
    }
}

/// Reference schema `ApiKeyResponse`: the only answer that holds the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyResponse {
    /// Its name.
    pub name: String,
    /// The key in clear. Shown once.
    pub value: String,
    /// What it may do.
    #[schema(schema_with = schema::permissions)]
    pub permissions: Vec<Permission>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: WireTime,
    /// Until when; null is for ever.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub expires_at: Option<WireTime>,
}

/// Reference schema `ApiKeyList`: one key, without the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyList {
    /// Its name.
    pub name: String,
    /// The ends of the key.
    pub value: String,
    /// What it may do.
    #[schema(schema_with = schema::permissions)]
    pub permissions: Vec<Permission>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: WireTime,
    /// When it was last used; null is never.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub last_used_at: Option<WireTime>,
    /// Until when; null is for ever.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub expires_at: Option<WireTime>,
    /// Whose it is.
    pub user_id: String,
    /// Where it acts.
    pub organization_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<CreateApiKey, Invalid> {
        CreateApiKey::read(Fields::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn a_key_names_known_permissions_only() {
        let key =
            read(r#"{"name":"ci","permissions":["write:sandboxes","write:sandboxes"],"expiresAt":null}"#);
        assert_eq!(key.unwrap().permissions, [Permission::WriteSandboxes]);
        let wrong = read(r#"{"name":" ","permissions":["all"],"expiresAt":"soon"}"#).unwrap_err();
        assert_eq!(wrong.0.len(), 3, "{wrong}");
        assert!(read(r#"{"name":"ci"}"#).is_err());
    }
}
