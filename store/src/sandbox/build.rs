//! Sandboxes whose image is being built: made of nothing yet, and told to no runner.

use paddock_types::{ImageConfig, OsUser, RootRef, SandboxId};

use super::record::{SandboxRecord, SandboxStatus, columns, json};
use super::write::update_status;
use crate::value::Value;
use crate::{Store, StoreError, constants, layer};

constants! {
    BUILDING = concat!("SELECT ", columns!(), " FROM sandbox WHERE state IN ('pending_build', 'building_snapshot') ORDER BY id");
    SET_IMAGE = concat!("UPDATE sandbox SET root = $2, image = $3, os_user = $4 WHERE id = $1 RETURNING ", columns!());
}

/// What a sandbox turns out to be made of.
#[derive(Debug, Clone)]
pub struct BuiltImage {
    /// Its root file system.
    pub root: RootRef,
    /// What its image says.
    pub image: ImageConfig,
    /// As whom it runs.
    pub user: OsUser,
}

impl Store {
    /// Every sandbox whose image is being built.
    pub async fn building_sandboxes(&self) -> Result<Vec<SandboxRecord>, StoreError> {
        self.read_scan(|conn| {
            Box::pin(async move {
                let rows = conn.query(BUILDING, &[]).await?;
                rows.into_iter().map(SandboxRecord::read).collect()
            })
        })
        .await
    }

    /// Gives a sandbox its image and another status, if its version is still `version` and no layer of the image is being
    /// removed: all or nothing. `None`: nothing.
    pub async fn set_sandbox_image(
        &self,
        id: SandboxId,
        version: u64,
        built: BuiltImage,
        status: SandboxStatus,
    ) -> Result<Option<SandboxRecord>, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                if !layer::hold(conn, &built.root).await? {
                    return Ok(None);
                }
                if update_status(conn, id, version, &status).await?.is_none() {
                    return Ok(None);
                }
                let values = [
                    Value::spelled(id),
                    Value::spelled(&built.root),
                    json(Some(&built.image))?,
                    Value::spelled(&built.user),
                ];
                conn.query_optional(SET_IMAGE, &values).await?.map(SandboxRecord::read).transpose()
            })
        })
        .await
    }
}
