//! The two engines behind one connection type.
//!
//! A unit of work is a function of a [`Conn`] that returns a future. On PostgreSQL the future waits
//! for the server. On SQLite every statement has finished when its call returns, so the future is
//! ready at its first poll: that is how one text of each operation serves a synchronous and an
//! asynchronous engine.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use std::pin::Pin;

use futures_util::FutureExt;

use crate::StoreError;
use crate::value::{Row, Value};

/// What a unit of work gives back.
pub(crate) type WorkFuture<'c, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'c>>;

/// A connection of either engine.
pub(crate) enum Conn {
    /// SQLite: calls block for the length of the statement.
    Sqlite(rusqlite::Connection),
    /// PostgreSQL.
    Postgres(postgres::Session),
}

impl Conn {
    /// Runs a statement; gives back how many rows it changed.
    pub(crate) async fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(connection) => sqlite::execute(connection, sql, values),
            Self::Postgres(session) => session.execute(sql, values).await,
        }
    }

    /// Runs a query; gives back every row.
    pub(crate) async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(connection) => sqlite::query(connection, sql, values),
            Self::Postgres(session) => session.query(sql, values).await,
        }
    }

    /// Runs a query of at most one row.
    pub(crate) async fn query_optional(
        &mut self,
        sql: &str,
        values: &[Value],
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.query(sql, values).await?.into_iter().next())
    }

    /// Runs several statements without values.
    pub(crate) async fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => connection.execute_batch(sql).map_err(sqlite::classify),
            Self::Postgres(session) => session.batch(sql).await,
        }
    }

    /// Lets the engine parse and plan a statement without running it.
    pub(crate) async fn prepare(&mut self, sql: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => connection.prepare(sql).map(drop).map_err(sqlite::classify),
            Self::Postgres(session) => session.prepare(sql).await,
        }
    }
}

/// The outcome of work on a SQLite connection: there is nothing to wait for.
fn ready<T>(work: WorkFuture<'_, T>) -> Result<T, StoreError> {
    work.now_or_never()
        .unwrap_or_else(|| Err(StoreError::refused("work on SQLite waited for something else")))
}
