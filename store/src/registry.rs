//! Registries of images that organizations have credentials for.

use paddock_types::{OrganizationId, RegistryId, Timestamp};

use crate::engine::Conn;
use crate::value::{Row, Value};
use crate::{Store, StoreError, constants};

macro_rules! columns {
    () => {
        "id, organization_id, name, url, host, username, password, project, created_at, updated_at"
    };
}

constants! {
    // Takes the row until the transaction ends: counting and adding are then one step for the organization.
    HOLD_ORGANIZATION = "UPDATE organization SET updated_at = updated_at WHERE id = $1";
    COUNT = "SELECT COUNT(*) FROM docker_registry WHERE organization_id = $1";
    INSERT = concat!("INSERT INTO docker_registry (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)");
    BY_ID = concat!("SELECT ", columns!(), " FROM docker_registry WHERE id = $1 AND organization_id = $2");
    LIST = concat!("SELECT ", columns!(), " FROM docker_registry WHERE organization_id = $1 ORDER BY created_at DESC, id");
    BY_HOST = concat!("SELECT ", columns!(), " FROM docker_registry WHERE organization_id = $1 AND host = $2 \
               ORDER BY updated_at DESC, id");
    // A password that is not given stays as it is, and then so does the host: whoever may change a registry may not have
    // a password that they cannot read sent somewhere else.
    UPDATE = concat!("UPDATE docker_registry SET name = $3, url = $4, host = $5, username = $6, \
              password = COALESCE($7, password), project = $8, updated_at = $9 \
              WHERE id = $1 AND organization_id = $2 AND (CAST($7 AS TEXT) IS NOT NULL OR host = $5) RETURNING ", columns!());
    DELETE = "DELETE FROM docker_registry WHERE id = $1 AND organization_id = $2";
}

/// One registry.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistryRecord {
    /// Which.
    pub id: RegistryId,
    /// Whose.
    pub organization: OrganizationId,
    /// What its organization calls it.
    pub name: String,
    /// Its address without a scheme.
    pub url: String,
    /// As it stands before the names of images.
    pub host: String,
    /// Who asks.
    pub username: String,
    /// The password, encrypted; of no use to the store.
    pub password: String,
    /// The first part of repositories that the credentials are for. May be empty.
    pub project: String,
    /// Since when it is on record.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl std::fmt::Debug for RegistryRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistryRecord")
            .field("id", &self.id)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

/// What of a registry may change.
#[derive(Clone)]
pub struct RegistryChange {
    /// See [`RegistryRecord::name`].
    pub name: String,
    /// See [`RegistryRecord::url`].
    pub url: String,
    /// See [`RegistryRecord::host`].
    pub host: String,
    /// See [`RegistryRecord::username`].
    pub username: String,
    /// The new password, encrypted. `None`: as it is.
    pub password: Option<String>,
    /// See [`RegistryRecord::project`].
    pub project: String,
    /// Now.
    pub updated_at: Timestamp,
}

impl RegistryRecord {
    fn read(mut row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parse("id")?,
            organization: row.parse("organization_id")?,
            name: row.text("name")?,
            url: row.text("url")?,
            host: row.text("host")?,
            username: row.text("username")?,
            password: row.text("password")?,
            project: row.text("project")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }
}

impl Store {
    /// Adds a registry. `Ok(false)`: its organization has `most` already; nothing was written.
    pub async fn insert_registry(&self, registry: RegistryRecord, most: u64) -> Result<bool, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let organization = Value::spelled(registry.organization);
                conn.execute(HOLD_ORGANIZATION, std::slice::from_ref(&organization)).await?;
                let row = conn.query_optional(COUNT, std::slice::from_ref(&organization)).await?;
                let count: u64 = row.map_or(Ok(0), |mut row| row.number("count"))?;
                if count >= most {
                    return Ok(false);
                }
                let values = [
                    Value::spelled(registry.id),
                    organization,
                    registry.name.into(),
                    registry.url.into(),
                    registry.host.into(),
                    registry.username.into(),
                    registry.password.into(),
                    registry.project.into(),
                    registry.created_at.into(),
                ];
                conn.execute(INSERT, &values).await?;
                Ok(true)
            })
        })
        .await
    }

    /// One registry of an organization.
    pub async fn load_registry(
        &self,
        organization: OrganizationId,
        id: RegistryId,
    ) -> Result<Option<RegistryRecord>, StoreError> {
        self.read_point(move |conn| {
            Box::pin(async move {
                let values = [Value::spelled(id), Value::spelled(organization)];
                conn.query_optional(BY_ID, &values).await?.map(RegistryRecord::read).transpose()
            })
        })
        .await
    }

    /// Every registry of an organization, the newest first.
    pub async fn list_registries(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<RegistryRecord>, StoreError> {
        self.read_scan(move |conn| Box::pin(list(conn, LIST, vec![Value::spelled(organization)]))).await
    }

    /// An organization's registries with this host, the one that was changed last first.
    pub async fn list_registries_of_host(
        &self,
        organization: OrganizationId,
        host: String,
    ) -> Result<Vec<RegistryRecord>, StoreError> {
        self.read_scan(move |conn| {
            Box::pin(list(conn, BY_HOST, vec![Value::spelled(organization), host.into()]))
        })
        .await
    }

    /// Changes a registry. Gives it back as it then is; `None`: there is none, or it has another host and no password was
    /// given.
    pub async fn update_registry(
        &self,
        organization: OrganizationId,
        id: RegistryId,
        change: RegistryChange,
    ) -> Result<Option<RegistryRecord>, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let values = [
                    Value::spelled(id),
                    Value::spelled(organization),
                    change.name.into(),
                    change.url.into(),
                    change.host.into(),
                    change.username.into(),
                    change.password.into(),
                    change.project.into(),
                    change.updated_at.into(),
                ];
                conn.query_optional(UPDATE, &values).await?.map(RegistryRecord::read).transpose()
            })
        })
        .await
    }

    /// Removes a registry. `Ok(false)`: there is none.
    pub async fn delete_registry(
        &self,
        organization: OrganizationId,
        id: RegistryId,
    ) -> Result<bool, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let values = [Value::spelled(id), Value::spelled(organization)];
                Ok(conn.execute(DELETE, &values).await? > 0)
            })
        })
        .await
    }
}

async fn list(
    conn: &mut Conn,
    statement: &'static str,
    values: Vec<Value>,
) -> Result<Vec<RegistryRecord>, StoreError> {
    conn.query(statement, &values).await?.into_iter().map(RegistryRecord::read).collect()
}
