//! One suite for both engines: every case runs on SQLite and on PostgreSQL.
//!
//! The cast: a case is a function of a fresh, empty [`Store`].

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cases;
mod durability;
mod links;
mod lists;
mod registries;
mod samples;
mod snapshots;
mod statements;
mod volumes;
mod warm_pools;

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
    registries::a_registry_is_its_organizations_own_and_keeps_its_password,
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
    lists::a_walk_sees_what_stays_exactly_once_whatever_happens_meanwhile,
    lists::a_label_is_found_whether_few_or_many_have_it,
    lists::every_filter_keeps_what_it_says,
    lists::pages_are_numbered_and_counted,
    lists::a_hostile_filter_value_is_only_a_value,
    snapshots::a_snapshot_of_a_sandbox_is_begun_and_ended_once,
    snapshots::a_snapshot_whose_name_is_taken_or_whose_source_changed_writes_nothing,
    snapshots::a_layer_is_stale_when_nothing_is_made_of_it,
    snapshots::of_a_create_and_a_collection_at_once_one_wins,
    snapshots::an_organization_has_no_more_snapshots_than_it_may,
    snapshots::a_root_of_as_many_layers_as_there_may_be_is_stored,
    warm_pools::a_pool_is_the_only_one_of_its_snapshot_and_region_and_all_together_are_bounded,
    warm_pools::what_waits_in_a_pool_is_nobodys,
    warm_pools::a_claimed_member_is_as_its_maker_wished,
    warm_pools::a_claim_that_fails_leaves_the_member_where_it_was,
    warm_pools::a_member_goes_to_one_of_all_who_ask_at_once,
    warm_pools::a_name_goes_to_one_claim_or_create_of_many,
    warm_pools::a_pool_never_has_more_members_than_its_size,
    links::a_link_comes_back_as_it_was_stored_and_needs_a_target_that_lives_and_is_not_linked,
    links::only_so_many_are_linked_with_one,
    links::a_target_that_is_deleted_at_the_same_time_has_all_that_were_let_in,
    volumes::a_volume_is_found_by_id_and_by_name_while_it_is_taken,
    volumes::a_volume_changes_only_at_the_version_that_was_read_and_is_forgotten_in_the_end,
    volumes::of_many_volumes_at_once_no_more_are_made_than_may_be,
    volumes::a_mounting_sandbox_comes_back_as_it_was_stored,
    volumes::a_volume_is_in_use_while_a_sandbox_that_mounts_it_is_wished,
    volumes::of_a_mount_and_a_removal_at_once_not_both_win,
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
