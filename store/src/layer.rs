//! Layers in the object store: on record from before they are written until they are removed.
//!
//! A layer is in use while a snapshot or a sandbox is made of it, or a task writes it. [`Store::claim_stale_layers`] marks
//! those that are not, and from then on no sandbox can be made of them: whoever makes one holds its layers' rows until it
//! is on record ([`hold`]), and the marking waits for them and looks again.

use std::collections::BTreeSet;

use paddock_types::{ObjectId, RootRef, Timestamp};

use crate::engine::Conn;
use crate::sandbox::{roots_in_use, writes_layer};
use crate::value::Value;
use crate::{Store, StoreError, constants, snapshot};

constants! {
    ADD = "INSERT INTO layer (id, removing, created_at) VALUES ($1, 0, $2)";
    ENSURE = "INSERT INTO layer (id, removing, created_at) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING";
    FORGET = "DELETE FROM layer WHERE id = $1";
    HOLD = "UPDATE layer SET removing = 0 WHERE id = $1 AND removing = 0";
    CLAIM = "UPDATE layer SET removing = 1 WHERE id = $1";
    RELEASE = "UPDATE layer SET removing = 0 WHERE id = $1";
    ALL = "SELECT id, removing FROM layer ORDER BY id";
}

impl Store {
    /// Marks the layers that nothing is made of as being removed, and gives back all that are.
    pub async fn claim_stale_layers(&self) -> Result<Vec<ObjectId>, StoreError> {
        let (marked, stale) = self.read_scan(|conn| Box::pin(async move { unused(conn).await })).await?;
        if stale.is_empty() {
            return Ok(marked);
        }
        let claimed = self.write(move |conn| Box::pin(async move { claim(conn, stale).await })).await?;
        Ok(marked.into_iter().chain(claimed).collect())
    }

    /// Forgets a layer that is not in the object store any more.
    pub async fn forget_layer(&self, id: ObjectId) -> Result<(), StoreError> {
        self.write(move |conn| Box::pin(async move { forget(conn, id).await })).await
    }
}

/// Notes a layer that is about to be written.
pub(crate) async fn add(conn: &mut Conn, id: ObjectId, now: Timestamp) -> Result<(), StoreError> {
    conn.execute(ADD, &[Value::spelled(id), now.into()]).await.map(drop)
}

/// Notes a layer that several may write at once, each the same bytes, unless it is on record.
pub(crate) async fn ensure(conn: &mut Conn, id: ObjectId, now: Timestamp) -> Result<(), StoreError> {
    conn.execute(ENSURE, &[Value::spelled(id), now.into()]).await.map(drop)
}

pub(crate) async fn forget(conn: &mut Conn, id: ObjectId) -> Result<(), StoreError> {
    conn.execute(FORGET, &[Value::spelled(id)]).await.map(drop)
}

/// Keeps the layers of a root file system from being removed until this transaction ends. `false`: one is being removed.
pub(crate) async fn hold(conn: &mut Conn, root: &RootRef) -> Result<bool, StoreError> {
    for layer in &root.layers {
        if conn.execute(HOLD, &[Value::spelled(layer.id)]).await? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Marks layers, but for those that something is made of by now. Gives back those that it marked.
async fn claim(conn: &mut Conn, mut ids: Vec<ObjectId>) -> Result<Vec<ObjectId>, StoreError> {
    // In one order for all who take several.
    ids.sort_unstable();
    for id in &ids {
        conn.execute(CLAIM, &[Value::spelled(id)]).await?;
    }
    let mut claimed = Vec::new();
    let used = used(conn, &ids).await?;
    for id in ids {
        if used.contains(&id) {
            conn.execute(RELEASE, &[Value::spelled(id)]).await?;
        } else {
            claimed.push(id);
        }
    }
    Ok(claimed)
}

/// The layers that are marked, and those that nothing seems to be made of.
async fn unused(conn: &mut Conn) -> Result<(Vec<ObjectId>, Vec<ObjectId>), StoreError> {
    let (mut marked, mut others) = (Vec::new(), Vec::new());
    for mut row in conn.query(ALL, &[]).await? {
        let id: ObjectId = row.parse("id")?;
        if row.flag("removing")? { marked.push(id) } else { others.push(id) }
    }
    let used = used(conn, &others).await?;
    others.retain(|id| !used.contains(id));
    Ok((marked, others))
}

/// Which of `ids` something is made of. A layer moves from a task to a snapshot, and from there or from a sandbox to
/// others, so they are asked in this order: on PostgreSQL each statement has a view of its own.
async fn used(conn: &mut Conn, ids: &[ObjectId]) -> Result<BTreeSet<ObjectId>, StoreError> {
    let mut used = BTreeSet::new();
    for id in ids {
        if writes_layer(conn, *id).await? {
            used.insert(*id);
        }
    }
    let mut roots = roots_in_use(conn).await?;
    roots.extend(snapshot::roots(conn).await?);
    // Those that were made of a snapshot which has gone since the first look.
    roots.extend(roots_in_use(conn).await?);
    used.extend(roots.into_iter().flat_map(|root| root.layers).map(|layer| layer.id));
    Ok(used)
}
