//! Brings a database up to date.
//!
//! Migrations are numbered files that only add; each is applied once and remembered with the
//! checksum of its text, so that an edited one is noticed instead of half believed.

use sha2::{Digest, Sha256};

use crate::StoreError;
use crate::engine::Conn;
use crate::value::Value;

/// Number, name and text, in order.
const MIGRATIONS: &[(i64, &str, &str)] = &[(1, "start", include_str!("../migrations/0001_start.sql"))];

/// One control process migrates at a time; the number is only ours.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7226340011)";

/// Applies what is missing. On PostgreSQL it runs inside the caller's transaction.
///
/// # Errors
/// [`StoreError::Schema`] when the database is newer than this program, or was migrated with another text.
pub(crate) async fn run(conn: &mut Conn) -> Result<(), StoreError> {
    let is_sqlite = matches!(conn, Conn::Sqlite(_));
    conn.batch(if is_sqlite { "BEGIN IMMEDIATE" } else { LOCK }).await?;
    let outcome = apply_missing(conn, if is_sqlite { "TEXT" } else { "TEXT COLLATE \"C\"" }).await;
    if is_sqlite {
        conn.batch(if outcome.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    }
    outcome
}

async fn apply_missing(conn: &mut Conn, text_type: &str) -> Result<(), StoreError> {
    conn.batch(
        "CREATE TABLE IF NOT EXISTS schema_migration (number BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL)",
    )
    .await?;
    let mut applied = 0;
    for mut row in conn.query("SELECT number, checksum FROM schema_migration ORDER BY number", &[]).await? {
        let (number, checksum) = (row.int("number")?, row.text("checksum")?);
        let known =
            MIGRATIONS.iter().find(|(known, ..)| *known == number).ok_or_else(|| StoreError::Schema {
                detail: format!("it has migration {number}, which is newer than this program"),
            })?;
        if checksum != checksum_of(known.2) {
            return Err(StoreError::Schema {
                detail: format!("migration {number} was applied with another text"),
            });
        }
        applied = number;
    }
    for (number, name, text) in MIGRATIONS.iter().filter(|(number, ..)| *number > applied) {
        conn.batch(&text.replace("{TEXT}", text_type)).await?;
        conn.execute(
            "INSERT INTO schema_migration (number, name, checksum) VALUES ($1, $2, $3)",
            &[Value::Int(*number), (*name).into(), checksum_of(text).into()],
        )
        .await?;
    }
    Ok(())
}

fn checksum_of(text: &str) -> String {
    crate::api_key::hex(&Sha256::digest(text.as_bytes()))
}
