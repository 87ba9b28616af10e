//! Registries of images that an organization has credentials for.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Fields, Invalid, WireTime, schema};

/// The longest name, address and project; ours, the reference names none.
const MOST_TEXT: usize = 255;
/// The longest user name and password: some registries take signed tokens of several KiB for passwords.
const MOST_SECRET: usize = 16 << 10;

/// Reference schema `DockerRegistry`. The password is never shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DockerRegistry {
    /// Which.
    pub id: String,
    /// What its organization calls it.
    pub name: String,
    /// Its host, and what followed it, without scheme and without a stroke at the end.
    pub url: String,
    /// Who asks.
    pub username: String,
    /// The first part of the repositories that the credentials are for; may be empty.
    pub project: String,
    /// Whose it is: always `organization` for those that are listed.
    #[schema(schema_with = schema::registry_type)]
    pub registry_type: RegistryType,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: WireTime,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: WireTime,
}

/// Whose a registry is (reference: `registryType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegistryType {
    /// Ours, for built snapshots.
    Internal,
    /// An organization's.
    Organization,
    /// Ours, for pushes of the CLI.
    Transient,
    /// Ours, for backups.
    Backup,
}

impl RegistryType {
    /// All spellings.
    pub(crate) const SPELLINGS: [&'static str; 4] = ["internal", "organization", "transient", "backup"];
}

/// Reference schema `CreateDockerRegistry`.
#[derive(Clone, PartialEq, Eq, ToSchema)]
pub struct CreateDockerRegistry {
    /// What to call it.
    pub name: String,
    /// Host or URL.
    pub url: String,
    /// Who asks.
    pub username: String,
    /// The password or token.
    pub password: String,
    /// The first part of the repositories that the credentials are for.
    pub project: Option<String>,
}

/// Reference schema `UpdateDockerRegistry`.
#[derive(Clone, PartialEq, Eq, ToSchema)]
pub struct UpdateDockerRegistry {
    /// What to call it.
    pub name: String,
    /// Host or URL.
    pub url: String,
    /// Who asks.
    pub username: String,
    /// The password or token; absent: as it is.
    pub password: Option<String>,
    /// The first part of the repositories that the credentials are for; absent: none.
    pub project: Option<String>,
}

impl CreateDockerRegistry {
    /// Reads a request.
    ///
    /// # Errors
    /// When something is missing or too long.
    pub fn read(mut fields: Fields) -> Result<Self, Invalid> {
        let (name, url, username) = basics(&mut fields);
        let password = needed(&mut fields, "password", MOST_SECRET);
        let project = limited(&mut fields, "project", MOST_TEXT);
        fields.finish()?;
        Ok(Self { name, url, username, password, project })
    }
}

impl UpdateDockerRegistry {
    /// Reads a request.
    ///
    /// # Errors
    /// When something is missing or too long.
    pub fn read(mut fields: Fields) -> Result<Self, Invalid> {
        let (name, url, username) = basics(&mut fields);
        let password = limited(&mut fields, "password", MOST_SECRET);
        let project = limited(&mut fields, "project", MOST_TEXT);
        fields.finish()?;
        Ok(Self { name, url, username, password, project })
    }
}

fn basics(fields: &mut Fields) -> (String, String, String) {
    let name = needed(fields, "name", MOST_TEXT);
    let url = needed(fields, "url", MOST_TEXT);
    (name, url, needed(fields, "username", MOST_SECRET))
}

fn needed(fields: &mut Fields, name: &str, most: usize) -> String {
    let is_there = fields.has(name);
    let text = limited(fields, name, most);
    if text.is_none() && !is_there {
        fields.problem(format!("{name} must be given"));
    } else if text.is_none() {
        // Whatever else is wrong with it was said; an empty one says nothing itself.
        fields.problem(format!("{name} must not be empty"));
    }
    text.unwrap_or_default()
}

fn limited(fields: &mut Fields, name: &str, most: usize) -> Option<String> {
    let text = fields.text(name)?;
    if text.len() > most {
        fields.problem(format!("{name} must have at most {most} bytes"));
        return None;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(text: &str) -> Result<CreateDockerRegistry, Invalid> {
        CreateDockerRegistry::read(Fields::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn a_registry_has_all_but_a_project() {
        let read = create(r#"{"name":"n","url":"u","username":"a","password":"b"}"#);
        assert!(read.is_ok_and(|read| read.project.is_none() && read.password == "b"));
        for missing in ["name", "url", "username", "password"] {
            let all = ["name", "url", "username", "password"];
            let some: Vec<String> =
                all.iter().filter(|one| **one != missing).map(|one| format!(r#""{one}":"x""#)).collect();
            let error = create(&format!("{{{}}}", some.join(","))).err().unwrap();
            assert!(error.to_string().contains(missing), "{error}");
        }
        let long = "x".repeat(300);
        let error = create(&format!(r#"{{"name":"{long}","url":"","username":7,"password":"b"}}"#))
            .err()
            .unwrap()
            .to_string();
        for problem in ["name must have at most 255", "url must not be empty", "username must be a string"] {
            assert!(error.contains(problem), "{error}");
        }
        let keeps =
            UpdateDockerRegistry::read(Fields::parse(br#"{"name":"n","url":"u","username":"a"}"#).unwrap());
        assert!(keeps.is_ok_and(|read| read.password.is_none()));
    }
}
