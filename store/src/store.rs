//! The handle to a store, and the three ways to run work on it.

use std::sync::Arc;

use paddock_types::Timestamp;

use crate::engine::postgres::Postgres;
use crate::engine::sqlite::Sqlite;
use crate::engine::{Conn, WorkFuture};
use crate::{StoreError, StoreUrl};

/// A cheap handle to a store. When the last one is dropped, a SQLite file is closed after everything
/// accepted is durable.
#[derive(Clone)]
pub struct Store {
    engine: Arc<Engine>,
}

enum Engine {
    Sqlite(Arc<Sqlite>),
    Postgres(Postgres),
}

impl Store {
    /// Opens or makes the store and brings its schema up to date. `now` is remembered as its birth
    /// and its first epoch if it is new.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the file or the server cannot be opened,
    /// [`StoreError::Schema`] when the database belongs to a newer version.
    pub async fn open(url: &StoreUrl, now: Timestamp) -> Result<Self, StoreError> {
        let engine = match url {
            StoreUrl::Sqlite(path) => {
                let path = path.clone();
                let opened = tokio::task::spawn_blocking(move || Sqlite::open(&path)).await;
                Engine::Sqlite(Arc::new(opened.map_err(StoreError::refused)??))
            }
            StoreUrl::Postgres(config) => Engine::Postgres(Postgres::open((**config).clone()).await?),
        };
        let store = Self { engine: Arc::new(engine) };
        store.ensure_born(now).await?;
        Ok(store)
    }

    /// Runs work in a transaction.
    pub(crate) async fn write<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Conn) -> WorkFuture<'c, T> + Send + 'static,
    {
        match &*self.engine {
            Engine::Sqlite(sqlite) => sqlite.write(work).await,
            Engine::Postgres(postgres) => postgres.write(work).await,
        }
    }

    /// Runs a read of one row or few. On SQLite it runs on the caller's own thread: another thread
    /// would cost eight times what the read does.
    pub(crate) async fn read_point<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Conn) -> WorkFuture<'c, T> + Send + 'static,
    {
        match &*self.engine {
            Engine::Sqlite(sqlite) => match sqlite.read_at_once(work) {
                Ok(outcome) => outcome,
                Err(work) => read_elsewhere(sqlite, work).await,
            },
            Engine::Postgres(postgres) => postgres.read(work).await,
        }
    }

    /// Runs a read that may touch many rows.
    pub(crate) async fn read_scan<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Conn) -> WorkFuture<'c, T> + Send + 'static,
    {
        match &*self.engine {
            Engine::Sqlite(sqlite) => read_elsewhere(sqlite, work).await,
            Engine::Postgres(postgres) => postgres.read(work).await,
        }
    }

    /// Lets the engine parse and plan `sql` without running it.
    ///
    /// # Errors
    /// When the engine does not understand the statement.
    pub async fn prepare(&self, sql: &str) -> Result<(), StoreError> {
        let sql = sql.to_owned();
        self.read_scan(move |conn| Box::pin(async move { conn.prepare(&sql).await })).await
    }
}

async fn read_elsewhere<T, W>(sqlite: &Arc<Sqlite>, work: W) -> Result<T, StoreError>
where
    T: Send + 'static,
    W: for<'c> FnOnce(&'c mut Conn) -> WorkFuture<'c, T> + Send + 'static,
{
    let sqlite = Arc::clone(sqlite);
    let task = tokio::task::spawn_blocking(move || sqlite.read_blocking(work));
    task.await.unwrap_or_else(|error| Err(StoreError::refused(error)))
}
