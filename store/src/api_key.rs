//! API keys: their hashes, and what they may do.

use std::fmt;

use paddock_types::{ApiKeyId, OrganizationId, Permission, Timestamp, UserId};
use sha2::{Digest, Sha256};

use crate::engine::Conn;
use crate::value::{Row, Value};
use crate::{Store, StoreError, constants};

macro_rules! columns {
    () => {
        "id, organization_id, user_id, name, hash, masked, permissions, administrator, created_at, expires_at, last_used_at"
    };
}

constants! {
    INSERT = concat!("INSERT INTO api_key (", columns!(), ") \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING");
    BY_HASH = concat!("SELECT ", columns!(), " FROM api_key WHERE hash = $1");
    BY_NAME = concat!("SELECT ", columns!(), " FROM api_key WHERE organization_id = $1 AND user_id = $2 AND name = $3");
    OF_ORGANIZATION = concat!("SELECT ", columns!(), " FROM api_key WHERE organization_id = $1 ORDER BY created_at, id");
    OF_USER = concat!("SELECT ", columns!(), " FROM api_key WHERE organization_id = $1 AND user_id = $2 ORDER BY created_at, id");
    DELETE = "DELETE FROM api_key WHERE organization_id = $1 AND user_id = $2 AND name = $3";
    TOUCH = "UPDATE api_key SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";
}

/// The SHA-256 of a key: what the store keeps instead of it. A key has 256 random bits, so nothing
/// slower is needed, and looking the hash up tells nothing about the key by its timing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// The hash of a key given in clear.
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(..)")
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

/// One API key, without the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRecord {
    /// Which record.
    pub id: ApiKeyId,
    /// The organization in which it acts.
    pub organization: OrganizationId,
    /// Whose it is.
    pub user: UserId,
    /// Unique per user and organization.
    pub name: String,
    /// What a presented key must hash to.
    pub hash: KeyHash,
    /// The ends of the key, for lists.
    pub masked: String,
    /// Exactly what it may do.
    pub permissions: Vec<Permission>,
    /// Whether it speaks for the system's administrator.
    pub administrator: bool,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when; `None` is for ever.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, give or take the flush of activity.
    pub last_used_at: Option<Timestamp>,
}

impl ApiKeyRecord {
    fn read(mut row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parse("id")?,
            organization: row.parse("organization_id")?,
            user: row.parse("user_id")?,
            name: row.text("name")?,
            hash: parse_hash(&row.text("hash")?)?,
            masked: row.text("masked")?,
            permissions: parse_permissions(&row.text("permissions")?)?,
            administrator: row.flag("administrator")?,
            created_at: row.time("created_at")?,
            expires_at: row.optional_time("expires_at")?,
            last_used_at: row.optional_time("last_used_at")?,
        })
    }
}

impl Store {
    /// Adds a key. `false`: the user has one of that name in that organization.
    pub async fn insert_api_key(&self, key: ApiKeyRecord) -> Result<bool, StoreError> {
        self.write(move |conn| Box::pin(async move { insert(conn, &key).await })).await
    }

    /// The record of a presented key, or `None`. Whether it has expired is for the caller to see.
    pub async fn load_api_key(&self, hash: KeyHash) -> Result<Option<ApiKeyRecord>, StoreError> {
        self.read_point(move |conn| {
            Box::pin(async move {
                conn.query_optional(BY_HASH, &[Value::spelled(hash)])
                    .await?
                    .map(ApiKeyRecord::read)
                    .transpose()
            })
        })
        .await
    }

    /// One key of a user by its name, or `None`.
    pub async fn load_api_key_by_name(
        &self,
        organization: OrganizationId,
        user: UserId,
        name: String,
    ) -> Result<Option<ApiKeyRecord>, StoreError> {
        self.read_point(move |conn| {
            Box::pin(async move {
                let values = [Value::spelled(organization), Value::spelled(user), name.into()];
                conn.query_optional(BY_NAME, &values).await?.map(ApiKeyRecord::read).transpose()
            })
        })
        .await
    }

    /// The keys of an organization, or only those of one of its users, oldest first.
    pub async fn list_api_keys(
        &self,
        organization: OrganizationId,
        user: Option<UserId>,
    ) -> Result<Vec<ApiKeyRecord>, StoreError> {
        self.read_scan(move |conn| {
            Box::pin(async move {
                let organization = Value::spelled(organization);
                let rows = match user {
                    None => conn.query(OF_ORGANIZATION, &[organization]).await?,
                    Some(user) => conn.query(OF_USER, &[organization, Value::spelled(user)]).await?,
                };
                rows.into_iter().map(ApiKeyRecord::read).collect()
            })
        })
        .await
    }

    /// Removes a key. `false`: there was none of that name.
    pub async fn delete_api_key(
        &self,
        organization: OrganizationId,
        user: UserId,
        name: String,
    ) -> Result<bool, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let values = [Value::spelled(organization), Value::spelled(user), name.into()];
                Ok(conn.execute(DELETE, &values).await? == 1)
            })
        })
        .await
    }
}

pub(crate) async fn insert(conn: &mut Conn, key: &ApiKeyRecord) -> Result<bool, StoreError> {
    let permissions: Vec<&str> = key.permissions.iter().map(|permission| permission.as_str()).collect();
    let values = [
        Value::spelled(key.id),
        Value::spelled(key.organization),
        Value::spelled(key.user),
        key.name.as_str().into(),
        Value::spelled(key.hash),
        key.masked.as_str().into(),
        permissions.join(" ").into(),
        key.administrator.into(),
        key.created_at.into(),
        key.expires_at.into(),
        key.last_used_at.into(),
    ];
    Ok(conn.execute(INSERT, &values).await? == 1)
}

/// Notes that a key was used.
pub(crate) async fn touch(conn: &mut Conn, id: ApiKeyId, at: Timestamp) -> Result<(), StoreError> {
    conn.execute(TOUCH, &[Value::spelled(id), at.into()]).await.map(drop)
}

fn parse_permissions(text: &str) -> Result<Vec<Permission>, StoreError> {
    text.split_whitespace()
        .map(|word| word.parse().map_err(|_| StoreError::Corrupt { column: "permissions" }))
        .collect()
}

fn parse_hash(text: &str) -> Result<KeyHash, StoreError> {
    const CORRUPT: StoreError = StoreError::Corrupt { column: "hash" };
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return Err(CORRUPT);
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).map_err(|_| CORRUPT)?;
    }
    Ok(KeyHash(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_survives_its_text_form_and_is_not_printed_by_accident() {
        let hash = KeyHash::of("dtn_example");
        assert_eq!(parse_hash(&hash.to_string()).unwrap(), hash);
        assert_eq!(format!("{hash:?}"), "KeyHash(..)");
        assert!(parse_hash("zz").is_err());
    }
}
