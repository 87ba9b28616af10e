//! Brings a database up to date.
//!
//! Migrations are numbered files that only add; each is applied once and remembered with the
//! checksum of its text, so that an edited one is noticed instead of half believed.

use sha2::{Digest, Sha256};

use crate::StoreError;
use crate::engine::Conn;
use crate::value::Value;

/// Number, name and text, in order.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "start", include_str!("../migrations/0001_start.sql")),
    (2, "signing keys", include_str!("../migrations/0002_signing_keys.sql")),
    (3, "lifecycle", include_str!("../migrations/0003_lifecycle.sql")),
    (4, "snapshots of sandboxes", include_str!("../migrations/0004_snapshot_of_a_sandbox.sql")),
    (5, "volumes", include_str!("../migrations/0005_volumes.sql")),
    (6, "warm pools and links", include_str!("../migrations/0006_warm_pools_links.sql")),
    (7, "images", include_str!("../migrations/0007_images.sql")),
    (9, "registries", include_str!("../migrations/0009_registries.sql")),
];

/// What the engines call differently, by the word that stands for it.
type Words = [(&'static str, &'static str); 3];

/// SQLite adds generated columns to a table that is there only if they are not stored.
const SQLITE_WORDS: Words = [("{TEXT}", "TEXT"), ("{LEAST}", "MIN"), ("{GENERATED}", "VIRTUAL")];
const POSTGRES_WORDS: Words =
    [("{TEXT}", "TEXT COLLATE \"C\""), ("{LEAST}", "LEAST"), ("{GENERATED}", "STORED")];

/// One control process migrates at a time; the number is only ours.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7226340011)";

/// Applies what is missing. On PostgreSQL it runs inside the caller's transaction.
///
/// # Errors
/// [`StoreError::Schema`] when the database is newer than this program, or was migrated with another text.
pub(crate) async fn run(conn: &mut Conn) -> Result<(), StoreError> {
    let is_sqlite = matches!(conn, Conn::Sqlite(_));
    conn.batch(if is_sqlite { "BEGIN IMMEDIATE" } else { LOCK }).await?;
    let outcome = apply_missing(conn, if is_sqlite { &SQLITE_WORDS } else { &POSTGRES_WORDS }).await;
    if is_sqlite {
        conn.batch(if outcome.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    }
    outcome
}

async fn apply_missing(conn: &mut Conn, words: &Words) -> Result<(), StoreError> {
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
        let text_of_engine =
            words.iter().fold((*text).to_owned(), |text, (word, own)| text.replace(word, own));
        conn.batch(&text_of_engine).await?;
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
