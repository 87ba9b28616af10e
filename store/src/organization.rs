//! Organizations and who belongs to them.

use std::fmt;
use std::str::FromStr;

use paddock_types::{OrganizationId, Timestamp, UserId};

use crate::api_key::{self, ApiKeyRecord};
use crate::engine::Conn;
use crate::user::{self, UserRecord};
use crate::value::{Row, Value};
use crate::{Store, StoreError, constants};

constants! {
    INSERT = "INSERT INTO organization (id, name, created_by, personal, created_at, updated_at) \
              VALUES ($1, $2, $3, $4, $5, $5)";
    INSERT_MEMBER = "INSERT INTO organization_user (organization_id, user_id, role, created_at) \
                     VALUES ($1, $2, $3, $4)";
    BY_ID = "SELECT id, name, created_by, personal, created_at, updated_at FROM organization WHERE id = $1";
    ROLE_OF = "SELECT role FROM organization_user WHERE organization_id = $1 AND user_id = $2";
    // Only one transaction of all times gets this row, whichever process it is of.
    CLAIM_FIRST = "INSERT INTO store_meta (name, value) VALUES ('first organization', $1) ON CONFLICT DO NOTHING";
}

/// One organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationRecord {
    /// Which.
    pub id: OrganizationId,
    /// A name for people; not unique.
    pub name: String,
    /// Whose it was first.
    pub created_by: UserId,
    /// Whether it is its owner's own, with no other member ever.
    pub personal: bool,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a member of an organization is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// May do everything, and sees everyone's keys.
    Owner,
    /// May do what the assigned roles allow.
    Member,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Owner => "owner",
            Self::Member => "member",
        })
    }
}

impl FromStr for Role {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        match text {
            "owner" => Ok(Self::Owner),
            "member" => Ok(Self::Member),
            _ => Err(StoreError::Corrupt { column: "role" }),
        }
    }
}

/// An organization together with its owner and the owner's first key: made as one.
#[derive(Debug, Clone)]
pub struct NewOrganization {
    /// The organization.
    pub organization: OrganizationRecord,
    /// Its owner.
    pub owner: UserRecord,
    /// The owner's key.
    pub key: ApiKeyRecord,
}

impl OrganizationRecord {
    fn read(mut row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parse("id")?,
            name: row.text("name")?,
            created_by: row.parse("created_by")?,
            personal: row.flag("personal")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }
}

impl Store {
    /// Makes an organization with its owner and key.
    pub async fn insert_organization(&self, new: NewOrganization) -> Result<(), StoreError> {
        self.write(move |conn| Box::pin(async move { insert(conn, &new).await })).await
    }

    /// The same, once in the life of a store. Gives back whether it was made now.
    pub async fn insert_first_organization(&self, new: NewOrganization) -> Result<bool, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let now = new.organization.created_at;
                if conn.execute(CLAIM_FIRST, &[now.into()]).await? == 0 {
                    return Ok(false);
                }
                insert(conn, &new).await?;
                Ok(true)
            })
        })
        .await
    }

    /// One organization, or `None`.
    pub async fn load_organization(
        &self,
        id: OrganizationId,
    ) -> Result<Option<OrganizationRecord>, StoreError> {
        self.read_point(move |conn| {
            Box::pin(async move {
                conn.query_optional(BY_ID, &[Value::spelled(id)])
                    .await?
                    .map(OrganizationRecord::read)
                    .transpose()
            })
        })
        .await
    }

    /// What a user is in an organization; `None` for a stranger.
    pub async fn load_role(
        &self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Option<Role>, StoreError> {
        self.read_point(move |conn| {
            Box::pin(async move {
                let values = [Value::spelled(organization), Value::spelled(user)];
                conn.query_optional(ROLE_OF, &values).await?.map(|mut row| row.parse("role")).transpose()
            })
        })
        .await
    }
}

async fn insert(conn: &mut Conn, new: &NewOrganization) -> Result<(), StoreError> {
    let organization = &new.organization;
    user::insert(conn, &new.owner).await?;
    let values = [
        Value::spelled(organization.id),
        organization.name.as_str().into(),
        Value::spelled(organization.created_by),
        organization.personal.into(),
        organization.created_at.into(),
    ];
    conn.execute(INSERT, &values).await?;
    let values = [
        Value::spelled(organization.id),
        Value::spelled(new.owner.id),
        Value::spelled(Role::Owner),
        organization.created_at.into(),
    ];
    conn.execute(INSERT_MEMBER, &values).await?;
    api_key::insert(conn, &new.key).await.map(drop)
}
