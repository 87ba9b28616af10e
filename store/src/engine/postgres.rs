//! PostgreSQL: a small pool of connections.
//!
//! A write runs in a task of its own, so that a caller who stops waiting cannot leave a transaction
//! open. A connection that was given up inside a transaction is closed, not returned.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls, Statement, error::SqlState};

use super::{Conn, WorkFuture};
use crate::StoreError;
use crate::value::{Row, Value};

/// The most connections of one process.
const LARGEST_POOL: usize = 16;
/// The most prepared statements that one connection keeps. Lists make some of their own.
const MOST_STATEMENTS: usize = 256;

/// A PostgreSQL database.
#[derive(Clone)]
pub(crate) struct Postgres {
    shared: Arc<Shared>,
}

struct Shared {
    config: tokio_postgres::Config,
    places: Arc<Semaphore>,
    idle: Mutex<Vec<Session>>,
}

/// One connection and the statements that it has prepared.
pub(crate) struct Session {
    client: Client,
    statements: HashMap<String, Statement>,
}

/// A connection that was taken out of the pool.
struct Lease {
    conn: Option<Conn>,
    shared: Arc<Shared>,
    /// Set while a transaction is open.
    unfinished: bool,
    _place: OwnedSemaphorePermit,
}

impl Postgres {
    /// Connects and brings the schema up to date.
    pub(crate) async fn open(config: tokio_postgres::Config) -> Result<Self, StoreError> {
        let shared =
            Shared { config, places: Arc::new(Semaphore::new(LARGEST_POOL)), idle: Mutex::new(Vec::new()) };
        let postgres = Self { shared: Arc::new(shared) };
        postgres.write(|conn| Box::pin(crate::migrate::run(conn))).await?;
        Ok(postgres)
    }

    /// Runs `work` in a transaction; answers when it is durable.
    pub(crate) async fn write<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Conn) -> WorkFuture<'c, T> + Send + 'static,
    {
        let postgres = self.clone();
        let task = tokio::spawn(async move {
            let mut lease = postgres.lease().await?;
            lease.unfinished = true;
            let conn = lease.conn()?;
            conn.batch("BEGIN").await?;
            let outcome = work(conn).await;
            conn.batch(if outcome.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
            lease.unfinished = false;
            outcome
        });
        task.await.unwrap_or_else(|error| Err(StoreError::refused(error)))
    }

    /// Runs `work` outside a transaction: each statement sees the newest state.
    pub(crate) async fn read<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        W: for<'c> FnOnce(&'c mut Conn) -> WorkFuture<'c, T>,
    {
        let mut lease = self.lease().await?;
        work(lease.conn()?).await
    }

    async fn lease(&self) -> Result<Lease, StoreError> {
        let place = Arc::clone(&self.shared.places).acquire_owned().await.map_err(StoreError::unavailable)?;
        let idle = loop {
            let candidate = self.shared.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match candidate {
                Some(session) if session.client.is_closed() => {}
                other => break other,
            }
        };
        let session = match idle {
            Some(session) => session,
            None => Session::connect(&self.shared.config).await?,
        };
        Ok(Lease {
            conn: Some(Conn::Postgres(session)),
            shared: Arc::clone(&self.shared),
            unfinished: false,
            _place: place,
        })
    }
}

impl Lease {
    fn conn(&mut self) -> Result<&mut Conn, StoreError> {
        self.conn.as_mut().ok_or_else(|| StoreError::unavailable("the connection was given back"))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let (false, Some(Conn::Postgres(session))) = (self.unfinished, self.conn.take())
            && !session.client.is_closed()
        {
            self.shared.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        }
    }
}

impl Session {
    async fn connect(config: &tokio_postgres::Config) -> Result<Self, StoreError> {
        let (client, connection) = config.connect(NoTls).await.map_err(StoreError::unavailable)?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(%error, "a connection to PostgreSQL ended");
            }
        });
        Ok(Self { client, statements: HashMap::new() })
    }

    async fn statement(&mut self, sql: &str) -> Result<Statement, StoreError> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await.map_err(classify)?;
        if self.statements.len() >= MOST_STATEMENTS {
            self.statements.clear();
        }
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    pub(super) async fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, StoreError> {
        let statement = self.statement(sql).await?;
        self.client.execute(&statement, &as_sql(values, &statement)).await.map_err(classify)
    }

    pub(super) async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        let statement = self.statement(sql).await?;
        let rows = self.client.query(&statement, &as_sql(values, &statement)).await.map_err(classify)?;
        rows.iter().map(read_row).collect()
    }

    pub(super) async fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        self.client.batch_execute(sql).await.map_err(classify)
    }

    pub(super) async fn prepare(&mut self, sql: &str) -> Result<(), StoreError> {
        self.client.prepare(sql).await.map(drop).map_err(classify)
    }
}

/// The values that the statement uses: like SQLite, it may use fewer than were given.
fn as_sql<'v>(values: &'v [Value], statement: &Statement) -> Vec<&'v (dyn ToSql + Sync)> {
    values.iter().take(statement.params().len()).map(|value| value as &(dyn ToSql + Sync)).collect()
}

fn read_row(row: &tokio_postgres::Row) -> Result<Row, StoreError> {
    let values = row.columns().iter().enumerate().map(|(index, column)| {
        let value = match *column.type_() {
            Type::INT8 => {
                row.try_get::<_, Option<i64>>(index).map(|value| value.map_or(Value::Null, Value::Int))
            }
            Type::INT4 => row.try_get::<_, Option<i32>>(index).map(|value| value.map(i64::from).into()),
            _ => row.try_get::<_, Option<String>>(index).map(|value| value.map_or(Value::Null, Value::Text)),
        };
        value.map_err(StoreError::refused)
    });
    Ok(Row::new(values.collect::<Result<_, _>>()?))
}

fn classify(error: tokio_postgres::Error) -> StoreError {
    match error.code() {
        _ if error.is_closed() => StoreError::unavailable(error),
        Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED) => {
            StoreError::Contended { source: Box::new(error) }
        }
        // Classes 08 (connection), 53 (resources), 57 (shutdown) and 58 (input and output).
        Some(code) if ["08", "53", "57", "58"].iter().any(|class| code.code().starts_with(class)) => {
            StoreError::unavailable(error)
        }
        Some(_) => StoreError::refused(error),
        None => StoreError::unavailable(error),
    }
}
