//! Users.

use paddock_types::{Timestamp, UserId};

use crate::engine::Conn;
use crate::value::{Row, Value};
use crate::{Store, StoreError, constants};

constants! {
    INSERT = "INSERT INTO app_user (id, name, email, created_at) VALUES ($1, $2, $3, $4)";
    BY_ID = "SELECT id, name, email, created_at FROM app_user WHERE id = $1";
}

/// One user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// Which.
    pub id: UserId,
    /// A name for people.
    pub name: String,
    /// An address; users that paddock makes itself have one that receives nothing.
    pub email: String,
    /// Since when.
    pub created_at: Timestamp,
}

impl UserRecord {
    fn read(mut row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parse("id")?,
            name: row.text("name")?,
            email: row.text("email")?,
            created_at: row.time("created_at")?,
        })
    }
}

impl Store {
    /// One user, or `None`.
    pub async fn load_user(&self, id: UserId) -> Result<Option<UserRecord>, StoreError> {
        self.read_point(move |conn| {
            Box::pin(async move {
                conn.query_optional(BY_ID, &[Value::spelled(id)]).await?.map(UserRecord::read).transpose()
            })
        })
        .await
    }
}

pub(crate) async fn insert(conn: &mut Conn, user: &UserRecord) -> Result<(), StoreError> {
    let values = [
        Value::spelled(user.id),
        user.name.as_str().into(),
        user.email.as_str().into(),
        user.created_at.into(),
    ];
    conn.execute(INSERT, &values).await.map(drop)
}
