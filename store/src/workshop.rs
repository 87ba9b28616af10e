//! Workshops: the organizations that builds belong to.
//!
//! What a build makes on its way, sandboxes and snapshots of its steps, belongs to an organization of its own, one for each
//! that builds: nobody is a member of it and no key is, so nobody sees, uses or counts what is in it, and nothing that lists
//! or limits what people own has to know of builds.

use paddock_types::{OrganizationId, Timestamp};

use crate::engine::Conn;
use crate::value::Value;
use crate::{Store, StoreError, constants};

constants! {
    FIND = "SELECT organization_id FROM workshop WHERE builds_for = $1";
    ALL = "SELECT organization_id FROM workshop ORDER BY organization_id";
    ADD_ORGANIZATION = "INSERT INTO organization (id, name, created_by, personal, created_at, updated_at) \
                        SELECT $1, 'builds of ' || id, created_by, 0, $3, $3 FROM organization WHERE id = $2";
    ADD = "INSERT INTO workshop (organization_id, builds_for) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    TAKE_BACK = "DELETE FROM organization WHERE id = $1";
    SANDBOXES = "SELECT s.id FROM sandbox s JOIN workshop w ON w.organization_id = s.organization_id \
                 WHERE s.state <> 'destroyed' AND s.desired <> 'destroyed' ORDER BY s.id";
}

impl Store {
    /// The workshop of an organization, made if there is none.
    ///
    /// # Errors
    /// Also when there is no such organization.
    pub async fn workshop_of(
        &self,
        organization: OrganizationId,
        now: Timestamp,
    ) -> Result<OrganizationId, StoreError> {
        let found =
            self.read_point(move |conn| Box::pin(async move { find(conn, organization).await })).await?;
        if let Some(found) = found {
            return Ok(found);
        }
        self.write(move |conn| {
            Box::pin(async move {
                let id = OrganizationId::random();
                let values = [Value::spelled(id), Value::spelled(organization), now.into()];
                conn.execute(ADD_ORGANIZATION, &values).await?;
                if conn.execute(ADD, &values[..2]).await? == 0 {
                    conn.execute(TAKE_BACK, &values[..1]).await?;
                }
                find(conn, organization).await?.ok_or(StoreError::Corrupt { column: "builds_for" })
            })
        })
        .await
    }

    /// Every workshop.
    pub async fn workshops(&self) -> Result<Vec<OrganizationId>, StoreError> {
        self.read_scan(|conn| {
            Box::pin(async move {
                let rows = conn.query(ALL, &[]).await?;
                rows.into_iter().map(|mut row| row.parse("organization_id")).collect()
            })
        })
        .await
    }

    /// The sandboxes of all workshops that are not to be gone.
    pub async fn sandboxes_of_workshops(&self) -> Result<Vec<paddock_types::SandboxId>, StoreError> {
        self.read_scan(|conn| {
            Box::pin(async move {
                let rows = conn.query(SANDBOXES, &[]).await?;
                rows.into_iter().map(|mut row| row.parse("id")).collect()
            })
        })
        .await
    }
}

async fn find(conn: &mut Conn, organization: OrganizationId) -> Result<Option<OrganizationId>, StoreError> {
    let row = conn.query_optional(FIND, &[Value::spelled(organization)]).await?;
    row.map(|mut row| row.parse("organization_id")).transpose()
}
