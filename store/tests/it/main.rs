//! One suite for both engines: every case runs on SQLite and on PostgreSQL.
//!
//! The cast: a case is a function of a fresh, empty [`Store`].

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cases;
mod durability;
mod lists;
mod samples;
mod statements;

use paddock_store::{Store, StoreUrl};
use paddock_testkit::postgres::Postgres;
use paddock_types::Timestamp;

/// When every store of these tests is born.
const BIRTH: Timestamp = Timestamp(1_700_000_000_000);

/// Runs every case on both engines. SQLite's cases are tests of their own; PostgreSQL's share one
/// cluster, each in a database of its own, and a failing one is named.
macro_rules! on_both_engines {
    ($($module:ident::$case:ident,)*) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $case() {
                    let directory = tempfile::tempdir().unwrap();
                    super::$module::$case(super::open_sqlite(&directory).await).await;
                }
            )*
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn every_case_holds_on_postgresql() {
            let server = Postgres::start().await.unwrap();
            let mut databases = Databases::connect(&server).await;
            let mut failed = Vec::new();
            $(
                let store = databases.make(&server, stringify!($case)).await;
                if tokio::spawn($module::$case(store)).await.is_err() {
                    failed.push(stringify!($case));
                }
            )*
            assert!(failed.is_empty(), "failed on PostgreSQL: {failed:?}");
        }
    };
}

on_both_engines! {
    cases::a_store_is_born_once_and_its_epoch_only_rises,
    cases::only_the_first_organization_is_made_by_a_bootstrap,
    cases::a_key_is_found_by_its_hash_and_gone_after_deletion,
    cases::a_key_name_is_unique_per_user_and_organization,
    cases::a_sandbox_comes_back_as_it_was_stored,
    cases::a_live_name_is_taken_and_a_deleted_one_is_free,
    cases::of_two_creates_with_one_name_exactly_one_succeeds,
    cases::a_status_is_replaced_only_at_the_version_that_was_read,
    cases::labels_are_replaced_as_a_whole,
    cases::activity_only_moves_forward,
    cases::a_sandbox_whose_name_reads_as_an_id_is_found,
    cases::a_foreign_or_destroyed_sandbox_is_not_found,
    cases::a_presented_key_sees_its_own_sandboxes_only,
    cases::unsettled_sandboxes_are_listed_and_destroyed_ones_purged,
    cases::shared_snapshots_are_ensured_once_and_found_by_every_name,
    cases::a_root_state_reaches_every_snapshot_of_it,
    cases::a_user_and_a_role_are_found,
    lists::a_cursor_walk_visits_every_sandbox_once_in_every_order,
    lists::every_filter_keeps_what_it_says,
    lists::pages_are_numbered_and_counted,
    lists::a_hostile_filter_value_is_only_a_value,
    statements::every_statement_is_understood,
}

async fn open_sqlite(directory: &tempfile::TempDir) -> Store {
    let url = StoreUrl::Sqlite(directory.path().join("store.db"));
    Store::open(&url, BIRTH).await.unwrap()
}

/// Makes databases in a cluster.
struct Databases {
    admin: tokio_postgres::Client,
    made: usize,
}

impl Databases {
    async fn connect(server: &Postgres) -> Self {
        let (admin, connection) =
            tokio_postgres::connect(&server.url("postgres"), tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        Self { admin, made: 0 }
    }

    async fn make(&mut self, server: &Postgres, case: &str) -> Store {
        self.made += 1;
        let name = format!("case{}", self.made);
        self.admin.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        let url: StoreUrl = server.url(&name).parse().unwrap();
        Store::open(&url, BIRTH).await.unwrap_or_else(|error| panic!("{case}: {error:?}"))
    }
}
