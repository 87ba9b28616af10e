//! What only a SQLite file shows: reopening, groups of writes, damage.

use std::os::unix::fs::PermissionsExt;

use paddock_store::{Store, StoreError, StoreUrl};

use crate::samples::{later, sandbox, with_organization};
use crate::{BIRTH, open_sqlite};

#[tokio::test]
async fn what_was_acknowledged_is_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_sqlite(&directory).await;
    let organization = with_organization(&store).await;
    let made = sandbox(organization, "web");
    store.insert_sandbox(made.clone()).await.unwrap();
    drop(store);
    let url = StoreUrl::Sqlite(directory.path().join("store.db"));
    let store = Store::open(&url, later(1)).await.unwrap();
    assert_eq!(store.load_sandbox(made.id).await.unwrap(), Some(made));
    assert_eq!(store.born().await.unwrap(), BIRTH, "it is still the same store");
}

#[tokio::test]
async fn a_failed_job_undoes_only_itself() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_sqlite(&directory).await;
    let organization = with_organization(&store).await;
    // Sandboxes of an organization that is not there violate a foreign key.
    let writes = (0..100).map(|number| {
        let store = store.clone();
        let owner = if number % 3 == 0 { paddock_types::OrganizationId::random() } else { organization };
        async move { store.insert_sandbox(sandbox(owner, &format!("box {number}"))).await.is_ok() }
    });
    let outcomes = futures_util::future::join_all(writes).await;
    for (number, succeeded) in outcomes.into_iter().enumerate() {
        assert_eq!(succeeded, number % 3 != 0, "{number}");
    }
    assert_eq!(store.list_unsettled().await.unwrap().len(), 66);
}

#[tokio::test]
async fn a_file_that_is_no_database_and_one_of_a_newer_version_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    std::fs::write(&path, "this is not a database, and long enough to be sure of it").unwrap();
    assert!(Store::open(&StoreUrl::Sqlite(path), BIRTH).await.is_err());
    let path = directory.path().join("newer.db");
    let newer = rusqlite::Connection::open(&path).unwrap();
    newer
        .execute_batch(
            "CREATE TABLE schema_migration (number BIGINT PRIMARY KEY, name TEXT, checksum TEXT);
             INSERT INTO schema_migration VALUES (999, 'future', 'x');",
        )
        .unwrap();
    drop(newer);
    let refused = Store::open(&StoreUrl::Sqlite(path), BIRTH).await.err().unwrap();
    assert!(matches!(refused, StoreError::Schema { .. }), "{refused:?}");
}

#[tokio::test]
async fn the_file_is_for_its_owner_only() {
    let directory = tempfile::tempdir().unwrap();
    let _store = open_sqlite(&directory).await;
    for file in ["store.db", "store.db-wal"] {
        let mode = std::fs::metadata(directory.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}
