//! SQLite: one writer that commits in groups, and a few readers.
//!
//! A commit waits for the disk (`synchronous=FULL`), so the writer takes every job that waits and
//! commits them as one transaction, each in a savepoint of its own: a failed job undoes only itself.
//! Nobody is answered before the commit.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::oneshot;

use super::{Conn, WorkFuture, ready};
use crate::StoreError;
use crate::value::{Row, Value};

/// The most jobs of one transaction. Measured: beyond 64 the commit is no longer what they wait for.
const LARGEST_GROUP: usize = 64;
/// Connections for point reads, which run on the caller's thread, and for longer ones.
const READERS: usize = 4;

/// One job of the writer: does its statements, and says who is told what after the commit.
type Job = Box<dyn FnOnce(&mut Conn) -> Done + Send>;

/// What a job leaves behind.
struct Done {
    succeeded: bool,
    /// Called with the outcome of the commit.
    answer: Box<dyn FnOnce(Result<(), String>) + Send>,
}

/// A SQLite database.
pub(crate) struct Sqlite {
    /// `None` only while being dropped.
    jobs: Option<mpsc::Sender<Job>>,
    writer: Option<thread::JoinHandle<()>>,
    readers: Vec<Mutex<Conn>>,
}

impl Sqlite {
    /// Opens or makes the file (mode 0600: it holds tokens) and starts the writer. Blocks.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        make_private(path)?;
        let mut writing = Conn::Sqlite(open_connection(path, false)?);
        ready(Box::pin(crate::migrate::run(&mut writing)))?;
        let readers = (0..READERS)
            .map(|_| Ok(Mutex::new(Conn::Sqlite(open_connection(path, true)?))))
            .collect::<Result<_, StoreError>>()?;
        let (jobs, waiting) = mpsc::channel();
        let writer = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || write_until_closed(writing, &waiting))
            .map_err(StoreError::unavailable)?;
        Ok(Self { jobs: Some(jobs), writer: Some(writer), readers })
    }

    /// Runs `work` in a transaction; answers when it is durable. The work happens even if nobody
    /// waits for the answer any more.
    pub(crate) async fn write<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Conn) -> WorkFuture<'c, T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |conn| {
            let outcome = catch_unwind(AssertUnwindSafe(|| ready(work(conn))))
                .unwrap_or_else(|_| Err(StoreError::refused("a store operation panicked")));
            Done {
                succeeded: outcome.is_ok(),
                answer: Box::new(move |committed| {
                    let outcome = match committed {
                        Ok(()) => outcome,
                        Err(reason) => outcome.and(Err(StoreError::unavailable(reason))),
                    };
                    // The caller may have gone; the work is done either way.
                    drop(reply.send(outcome));
                }),
            }
        });
        let closed = || StoreError::unavailable("the store is closed");
        self.jobs.as_ref().ok_or_else(closed)?.send(job).map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Runs a short read on the caller's own thread (about 5 µs); gives the work back when every
    /// reader is busy.
    pub(crate) fn read_at_once<T, W>(&self, work: W) -> Result<Result<T, StoreError>, W>
    where
        W: for<'c> FnOnce(&'c mut Conn) -> WorkFuture<'c, T>,
    {
        for reader in &self.readers {
            if let Ok(mut conn) = reader.try_lock() {
                return Ok(ready(work(&mut conn)));
            }
        }
        Err(work)
    }

    /// Runs a read that may take long; blocks the calling thread. Leaves the first readers to point reads.
    pub(crate) fn read_blocking<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        W: for<'c> FnOnce(&'c mut Conn) -> WorkFuture<'c, T>,
    {
        let last = self.readers.last().ok_or_else(|| StoreError::unavailable("no reader"))?;
        ready(work(&mut last.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Drop for Sqlite {
    /// Waits until every job that was accepted is durable.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(writer) = self.writer.take() {
            // A panic of the writer was already reported by its hook.
            drop(writer.join());
        }
    }
}

fn make_private(path: &Path) -> Result<(), StoreError> {
    let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    opened
        .map(drop)
        .map_err(|error| StoreError::unavailable(format!("could not open {}: {error}", path.display())))
}

fn open_connection(path: &Path, read_only: bool) -> Result<Connection, StoreError> {
    let path: PathBuf = path.to_owned();
    // Read-only connections are opened writable and then forbidden to write: a WAL reader has to
    // be able to make the shared-memory file.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags).map_err(classify)?;
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA foreign_keys = ON;
             PRAGMA busy_timeout = 5000;
             PRAGMA temp_store = MEMORY;",
        )
        .map_err(classify)?;
    connection.set_prepared_statement_cache_capacity(128);
    if read_only {
        connection.execute_batch("PRAGMA query_only = ON;").map_err(classify)?;
    }
    Ok(connection)
}

fn write_until_closed(mut conn: Conn, waiting: &mpsc::Receiver<Job>) {
    while let Ok(first) = waiting.recv() {
        let mut group = vec![first];
        group.extend(waiting.try_iter().take(LARGEST_GROUP - 1));
        commit_group(&mut conn, group);
    }
}

fn commit_group(conn: &mut Conn, group: Vec<Job>) {
    let mut answers = Vec::with_capacity(group.len());
    let mut lost = run(conn, "BEGIN IMMEDIATE").err();
    for job in group {
        if lost.is_none() {
            lost = run(conn, "SAVEPOINT job").err();
        }
        let done = job(conn);
        // A full disk makes SQLite give up the whole transaction by itself.
        if lost.is_none() && is_autocommit(conn) {
            lost = Some("the transaction was given up".to_owned());
        }
        if lost.is_none() {
            let end = if done.succeeded { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" };
            lost = run(conn, end).err();
        }
        answers.push(done.answer);
    }
    let outcome = match lost {
        None => run(conn, "COMMIT"),
        Some(reason) => Err(reason),
    };
    if !is_autocommit(conn) {
        // Nothing more can be done about a failing rollback; the next BEGIN will tell.
        drop(run(conn, "ROLLBACK"));
    }
    for answer in answers {
        answer(outcome.clone());
    }
}

fn run(conn: &mut Conn, sql: &str) -> Result<(), String> {
    ready(Box::pin(conn.batch(sql))).map_err(|error| match error {
        StoreError::Unavailable { source } | StoreError::Refused { source } => source.to_string(),
        other => other.to_string(),
    })
}

fn is_autocommit(conn: &Conn) -> bool {
    match conn {
        Conn::Sqlite(connection) => connection.is_autocommit(),
        Conn::Postgres(_) => true,
    }
}

pub(super) fn execute(connection: &Connection, sql: &str, values: &[Value]) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(classify)?;
    bind(&mut statement, values)?;
    statement.raw_execute().map(|changed| changed as u64).map_err(classify)
}

pub(super) fn query(connection: &Connection, sql: &str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(classify)?;
    bind(&mut statement, values)?;
    let columns = statement.column_count();
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(classify)? {
        let values = (0..columns)
            .map(|column| match row.get_ref(column).map_err(classify)? {
                ValueRef::Null => Ok(Value::Null),
                ValueRef::Integer(value) => Ok(Value::Int(value)),
                ValueRef::Text(text) => {
                    Ok(Value::Text(std::str::from_utf8(text).map_err(StoreError::refused)?.to_owned()))
                }
                ValueRef::Real(_) | ValueRef::Blob(_) => Err(StoreError::Corrupt { column: "value type" }),
            })
            .collect::<Result<_, StoreError>>()?;
        found.push(Row::new(values));
    }
    Ok(found)
}

/// Binds by name: to SQLite, `$3` is a parameter *called* `$3`, numbered by where it first appears.
fn bind(statement: &mut rusqlite::Statement<'_>, values: &[Value]) -> Result<(), StoreError> {
    for index in 1..=statement.parameter_count() {
        let value = statement
            .parameter_name(index)
            .and_then(|name| name.strip_prefix('$'))
            .and_then(|number| number.parse::<usize>().ok())
            .and_then(|number| values.get(number.checked_sub(1)?))
            .ok_or_else(|| StoreError::refused("a statement names a value that was not given"))?;
        statement.raw_bind_parameter(index, value).map_err(classify)?;
    }
    Ok(())
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
        }))
    }
}

pub(super) fn classify(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::OutOfMemory,
        ) => StoreError::unavailable(error),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StoreError::Contended { source: Box::new(error) }
        }
        _ => StoreError::refused(error),
    }
}
