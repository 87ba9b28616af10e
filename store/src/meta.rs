//! Facts about the store itself: when it began, and its epoch.

use paddock_types::Timestamp;

use crate::engine::Conn;
use crate::value::unsigned;
use crate::{Store, StoreError, constants};

constants! {
    INSERT = "INSERT INTO store_meta (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    RAISE = "UPDATE store_meta SET value = $2 WHERE name = $1 AND value < $2";
    SET = "INSERT INTO store_meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2";
    GET = "SELECT value FROM store_meta WHERE name = $1";
}

/// The name under which the epoch is kept.
const EPOCH: &str = "epoch";
/// The name under which the time of the first start is kept.
const BORN: &str = "born";

impl Store {
    /// Remembers that the store exists since `now`, unless it already knows since when.
    pub(crate) async fn ensure_born(&self, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                for name in [BORN, EPOCH] {
                    conn.execute(INSERT, &[name.into(), now.into()]).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// When the store was made.
    pub async fn born(&self) -> Result<Timestamp, StoreError> {
        self.read_point(|conn| Box::pin(get(conn, BORN))).await.map(Timestamp)
    }

    /// The epoch of the wishes that this store gives out.
    pub async fn epoch(&self) -> Result<u64, StoreError> {
        let epoch = self.read_point(|conn| Box::pin(get(conn, EPOCH))).await?;
        u64::try_from(epoch).map_err(|_| StoreError::Corrupt { column: EPOCH })
    }

    /// A number that was kept under this name.
    pub async fn load_note(&self, name: String) -> Result<Option<i64>, StoreError> {
        self.read_point(move |conn| {
            Box::pin(async move {
                conn.query_optional(GET, &[name.into()]).await?.map(|mut row| row.int("value")).transpose()
            })
        })
        .await
    }

    /// Keeps a number under a name.
    pub async fn keep_note(&self, name: String, value: i64) -> Result<(), StoreError> {
        self.write(move |conn| Box::pin(set(conn, name.clone(), value))).await
    }

    /// Begins an epoch that is at least `at_least`, because a runner has seen wishes that this store
    /// does not remember giving: it was restored from an old copy. Gives back the epoch that now holds.
    pub async fn raise_epoch(&self, at_least: u64) -> Result<u64, StoreError> {
        let epoch = self
            .write(move |conn| {
                Box::pin(async move {
                    conn.execute(RAISE, &[EPOCH.into(), unsigned(at_least)]).await?;
                    get(conn, EPOCH).await
                })
            })
            .await?;
        u64::try_from(epoch).map_err(|_| StoreError::Corrupt { column: EPOCH })
    }
}

/// Keeps a number under a name.
pub(crate) async fn set(conn: &mut Conn, name: String, value: i64) -> Result<(), StoreError> {
    conn.execute(SET, &[name.into(), value.into()]).await.map(drop)
}

async fn get(conn: &mut Conn, name: &'static str) -> Result<i64, StoreError> {
    conn.query_optional(GET, &[name.into()])
        .await?
        .ok_or(StoreError::Corrupt { column: "store_meta" })?
        .int("value")
}
