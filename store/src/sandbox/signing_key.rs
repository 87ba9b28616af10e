//! The keys that sign addresses of files. Kept beside the record and not in it: nothing but signing asks.

use paddock_types::SandboxId;

use crate::value::Value;
use crate::{Store, StoreError, constants};

constants! {
    KEY = "SELECT signing_key FROM sandbox WHERE id = $1 AND state <> 'destroyed'";
    KEEP = "UPDATE sandbox SET signing_key = $2 WHERE id = $1 AND signing_key IS NULL AND state <> 'destroyed'";
    REPLACE = "UPDATE sandbox SET signing_key = $2 WHERE id = $1 AND state <> 'destroyed'";
}

impl Store {
    /// The signing key of a sandbox. `None`: it is gone, or nobody has asked for one yet.
    pub async fn signing_key(&self, id: SandboxId) -> Result<Option<String>, StoreError> {
        self.read_point(move |conn| {
            Box::pin(async move {
                let row = conn.query_optional(KEY, &[Value::spelled(id)]).await?;
                row.map_or(Ok(None), |mut row| row.optional_text("signing_key"))
            })
        })
        .await
    }

    /// The signing key of a sandbox, which is `fresh` if it had none. `None`: it is gone.
    pub async fn keep_signing_key(&self, id: SandboxId, fresh: String) -> Result<Option<String>, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let values = [Value::spelled(id), fresh.into()];
                conn.execute(KEEP, &values).await?;
                let row = conn.query_optional(KEY, &values[..1]).await?;
                row.map_or(Ok(None), |mut row| row.optional_text("signing_key"))
            })
        })
        .await
    }

    /// Replaces the signing key of a sandbox. `false`: it is gone.
    pub async fn replace_signing_key(&self, id: SandboxId, fresh: String) -> Result<bool, StoreError> {
        self.write(move |conn| {
            Box::pin(
                async move { Ok(conn.execute(REPLACE, &[Value::spelled(id), fresh.into()]).await? == 1) },
            )
        })
        .await
    }
}
