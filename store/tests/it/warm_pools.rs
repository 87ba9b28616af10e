//! What pools and their members do.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use paddock_store::sandbox::{
    AuthToken, ClaimOutcome, InsertOutcome, Position, Presented, ReadyMember, SandboxFilter, SandboxQuery,
    SandboxRecord, SandboxSort, SandboxStatus,
};
use paddock_store::{KeyHash, Order, PoolOutcome, Store, WarmPoolRecord};
use paddock_types::{
    AutoDelete, AutoStop, BuiltinSnapshot, DesiredState, Minutes, OrganizationId, OsUser, SandboxId,
    SandboxRef, SandboxState, SnapshotId, WarmPoolId,
};

use crate::BIRTH;
use crate::samples::{later, organization, sandbox, with_organization};

const MOST: u32 = 10;

fn pool(organization: OrganizationId, snapshot: SnapshotId, size: u32) -> WarmPoolRecord {
    WarmPoolRecord {
        id: WarmPoolId::random(),
        organization,
        snapshot,
        snapshot_name: "paddock-small".to_owned(),
        region: "local".to_owned(),
        size,
        user: OsUser::try_from("daytona".to_owned()).unwrap(),
        resources: BuiltinSnapshot::Small.resources(),
        error_reason: None,
        created_at: BIRTH,
        updated_at: BIRTH,
        ready: 0,
    }
}

/// A member that is being made.
fn member(pool: &WarmPoolRecord) -> SandboxRecord {
    let made = sandbox(pool.organization, "");
    SandboxRecord {
        name: made.id.to_string(),
        labels: BTreeMap::new(),
        warm_pool: Some(pool.id),
        auto_stop: AutoStop::Disabled,
        ..made
    }
}

/// A pool with so many members that wait.
async fn filled(store: &Store, organization: OrganizationId, count: u32) -> WarmPoolRecord {
    let pool = pool(organization, SnapshotId::random(), count);
    assert!(matches!(store.insert_warm_pool(pool.clone(), MOST).await.unwrap(), PoolOutcome::Done(_)));
    for _ in 0..count {
        let member = member(&pool);
        assert!(store.insert_pool_member(pool.id, member.clone()).await.unwrap());
        let started = SandboxStatus { state: SandboxState::Started, existed: true, ..member.status };
        assert!(store.update_sandbox_status(member.id, 1, started).await.unwrap().is_some());
    }
    pool
}

async fn ready(store: &Store, pool: &WarmPoolRecord) -> Vec<ReadyMember> {
    store.list_ready_members(pool.organization, pool.snapshot, pool.region.clone(), 100).await.unwrap()
}

async fn listed(store: &Store, organization: OrganizationId, include_warm: bool) -> Vec<SandboxId> {
    let query = SandboxQuery {
        organization,
        filter: SandboxFilter { include_warm, ..SandboxFilter::default() },
        sort: SandboxSort::CreatedAt,
        order: Order::Ascending,
        position: Position::Start,
        limit: 100,
    };
    store.list_sandboxes(query).await.unwrap().items.into_iter().map(|found| found.id).collect()
}

pub(crate) async fn a_pool_is_the_only_one_of_its_snapshot_and_region_and_all_together_are_bounded(
    store: Store,
) {
    let (mine, yours) = (with_organization(&store).await, with_organization(&store).await);
    let snapshot = SnapshotId::random();
    let first = pool(mine, snapshot, 6);
    assert_eq!(
        store.insert_warm_pool(first.clone(), MOST).await.unwrap(),
        PoolOutcome::Done(Box::new(first.clone()))
    );
    assert_eq!(store.insert_warm_pool(pool(mine, snapshot, 1), MOST).await.unwrap(), PoolOutcome::Exists);
    let elsewhere = WarmPoolRecord { region: "moon".to_owned(), ..pool(mine, snapshot, 4) };
    assert!(matches!(store.insert_warm_pool(elsewhere, MOST).await.unwrap(), PoolOutcome::Done(_)));
    let another = pool(mine, SnapshotId::random(), 1);
    assert_eq!(store.insert_warm_pool(another, MOST).await.unwrap(), PoolOutcome::TooMany);
    assert!(matches!(
        store.insert_warm_pool(pool(yours, snapshot, 10), MOST).await.unwrap(),
        PoolOutcome::Done(_)
    ));
    let resize = |organization, size| store.resize_warm_pool(organization, first.id, size, MOST, later(1));
    assert_eq!(resize(mine, 7).await.unwrap(), PoolOutcome::TooMany);
    assert_eq!(resize(yours, 0).await.unwrap(), PoolOutcome::Missing);
    let PoolOutcome::Done(resized) = resize(mine, 0).await.unwrap() else { panic!("it fits") };
    assert_eq!((resized.size, resized.updated_at, resized.created_at), (0, later(1), BIRTH));
    store.set_warm_pool_error(first.id, Some("no room".to_owned()), later(2)).await.unwrap();
    let pools = store.list_warm_pools(mine).await.unwrap();
    assert_eq!(pools.len(), 2);
    let reasons: Vec<_> = pools.into_iter().filter_map(|pool| pool.error_reason).collect();
    assert_eq!(reasons, ["no room"]);
    assert_eq!(store.list_all_warm_pools().await.unwrap().len(), 3);
    assert!(!store.delete_warm_pool(yours, first.id).await.unwrap());
    assert!(store.delete_warm_pool(mine, first.id).await.unwrap());
    assert!(!store.insert_pool_member(first.id, member(&first)).await.unwrap(), "its pool is gone");
}

pub(crate) async fn what_waits_in_a_pool_is_nobodys(store: Store) {
    let new = organization("key");
    let mine = new.organization.id;
    store.insert_organization(new).await.unwrap();
    let pool = filled(&store, mine, 1).await;
    let id = ready(&store, &pool).await[0].id;
    let reference = SandboxRef::Id(id);
    assert_eq!(store.find_sandbox(mine, reference.clone()).await.unwrap(), None);
    let presented = store.authorize(KeyHash::of("key"), reference.clone(), BIRTH).await.unwrap();
    assert_eq!(presented, Presented::UnknownSandbox);
    assert_eq!(listed(&store, mine, false).await, []);
    assert_eq!(listed(&store, mine, true).await, [id]);
    assert_eq!(store.list_warm_pools(mine).await.unwrap()[0].ready, 1);
    // It takes no name: not even its own id.
    assert_eq!(store.insert_sandbox(sandbox(mine, &id.to_string())).await.unwrap(), InsertOutcome::Done);
    let outcome = store.claim_sandbox(id, 2, sandbox(mine, "web")).await.unwrap();
    assert!(matches!(outcome, ClaimOutcome::Claimed(_)), "{outcome:?}");
    assert_eq!(store.find_sandbox(mine, reference.clone()).await.unwrap().map(|found| found.id), Some(id));
    let presented = store.authorize(KeyHash::of("key"), reference, BIRTH).await.unwrap();
    assert!(matches!(presented, Presented::Owner(_)));
    assert!(listed(&store, mine, false).await.contains(&id));
    assert_eq!(store.list_warm_pools(mine).await.unwrap()[0].ready, 0);
    assert_eq!(store.list_pool_members().await.unwrap(), []);
}

pub(crate) async fn a_claimed_member_is_as_its_maker_wished(store: Store) {
    let mine = with_organization(&store).await;
    let pool = filled(&store, mine, 1).await;
    let waiting = ready(&store, &pool).await[0];
    let before = store.load_sandbox(waiting.id).await.unwrap().unwrap();
    let mut wished = SandboxRecord {
        labels: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        public: true,
        auto_stop: AutoStop::After(Minutes(7)),
        auto_delete: AutoDelete::OnStop,
        auto_destroy_at: Some(later(9_000)),
        created_at: later(5),
        last_activity_at: later(5),
        ..sandbox(mine, "Web")
    };
    wished.status.auth_token = AuthToken("fresh".to_owned());
    let outcome = store.claim_sandbox(waiting.id, waiting.version, wished.clone()).await.unwrap();
    let ClaimOutcome::Claimed(claimed) = outcome else { panic!("{outcome:?}") };
    let expected = SandboxRecord {
        id: before.id,
        status: SandboxStatus {
            auth_token: wished.status.auth_token.clone(),
            updated_at: later(5),
            ..before.status.clone()
        },
        version: before.version + 1,
        root: before.root,
        env: before.env,
        network_block_all: before.network_block_all,
        auto_archive: wished.auto_archive,
        ..wished.clone()
    };
    assert_eq!(*claimed, expected);
    assert_eq!(store.load_sandbox(waiting.id).await.unwrap(), Some(expected));
    assert_eq!(store.load_sandbox(wished.id).await.unwrap(), None, "nothing else was made");
    let by_label = SandboxQuery {
        organization: mine,
        filter: SandboxFilter {
            labels: vec![("a".to_owned(), "b".to_owned())],
            name_prefix: Some("we".to_owned()),
            ..SandboxFilter::default()
        },
        sort: SandboxSort::Name,
        order: Order::Ascending,
        position: Position::Start,
        limit: 9,
    };
    assert_eq!(store.list_sandboxes(by_label).await.unwrap().items.len(), 1);
}

pub(crate) async fn a_claim_that_fails_leaves_the_member_where_it_was(store: Store) {
    let mine = with_organization(&store).await;
    let pool = filled(&store, mine, 1).await;
    let waiting = ready(&store, &pool).await[0];
    let before = store.load_sandbox(waiting.id).await.unwrap().unwrap();
    store.insert_sandbox(sandbox(mine, "web")).await.unwrap();
    let claim = |version, name: &str| store.claim_sandbox(waiting.id, version, sandbox(mine, name));
    assert_eq!(claim(waiting.version, "web").await.unwrap(), ClaimOutcome::NameTaken);
    assert_eq!(claim(waiting.version + 1, "other").await.unwrap(), ClaimOutcome::Gone);
    assert_eq!(store.load_sandbox(waiting.id).await.unwrap(), Some(before.clone()));
    assert_eq!(
        store.insert_sandbox(sandbox(mine, "other")).await.unwrap(),
        InsertOutcome::Done,
        "the name was not kept"
    );
    // One that has ended, or is to end, is nothing to hand out.
    let stopped =
        SandboxStatus { state: SandboxState::Stopped, desired: DesiredState::Stopped, ..before.status };
    store.update_sandbox_status(waiting.id, waiting.version, stopped).await.unwrap().unwrap();
    assert_eq!(claim(waiting.version + 1, "third").await.unwrap(), ClaimOutcome::Gone);
    assert_eq!(ready(&store, &pool).await, []);
}

pub(crate) async fn a_member_goes_to_one_of_all_who_ask_at_once(store: Store) {
    let mine = with_organization(&store).await;
    let pool = filled(&store, mine, 5).await;
    let waiting = ready(&store, &pool).await;
    assert_eq!(waiting.len(), 5);
    let claims = (0..20).map(|asker| {
        let (store, waiting) = (store.clone(), waiting.clone());
        async move {
            for ReadyMember { id, version, .. } in waiting {
                let wished = sandbox(mine, &format!("web-{asker}"));
                if let ClaimOutcome::Claimed(claimed) =
                    store.claim_sandbox(id, version, wished).await.unwrap()
                {
                    return Some(claimed.id);
                }
            }
            None
        }
    });
    let claimed: Vec<SandboxId> = join_all(claims).await.into_iter().flatten().collect();
    assert_eq!(claimed.len(), 5);
    assert_eq!(claimed.iter().collect::<BTreeSet<_>>().len(), 5, "each went to one");
    assert_eq!(listed(&store, mine, true).await.len(), 5);
}

pub(crate) async fn a_name_goes_to_one_claim_or_create_of_many(store: Store) {
    let mine = with_organization(&store).await;
    let pool = filled(&store, mine, 5).await;
    let claims = ready(&store, &pool).await.into_iter().map(|ReadyMember { id, version, .. }| {
        let store = store.clone();
        tokio::spawn(async move {
            let outcome = store.claim_sandbox(id, version, sandbox(mine, "web")).await.unwrap();
            matches!(outcome, ClaimOutcome::Claimed(_))
        })
    });
    let creates = (0..5).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            store.insert_sandbox(sandbox(mine, "web")).await.unwrap() == InsertOutcome::Done
        })
    });
    let outcomes = join_all(claims.chain(creates).collect::<Vec<_>>()).await;
    assert_eq!(outcomes.into_iter().filter(|won| *won.as_ref().unwrap()).count(), 1);
}

pub(crate) async fn a_pool_never_has_more_members_than_its_size(store: Store) {
    let mine = with_organization(&store).await;
    let pool = pool(mine, SnapshotId::random(), 5);
    store.insert_warm_pool(pool.clone(), MOST).await.unwrap();
    let made = (0..20).map(|_| {
        let (store, pool) = (store.clone(), pool.clone());
        tokio::spawn(async move { store.insert_pool_member(pool.id, member(&pool)).await.unwrap() })
    });
    let made = join_all(made.collect::<Vec<_>>()).await;
    assert_eq!(made.into_iter().filter(|made| *made.as_ref().unwrap()).count(), 5);
    let members = store.list_pool_members().await.unwrap();
    assert_eq!(members.len(), 5);
    // One that is to go makes room at once.
    let leaving = store.load_sandbox(members[0].id).await.unwrap().unwrap();
    let status =
        SandboxStatus { state: SandboxState::Destroying, desired: DesiredState::Destroyed, ..leaving.status };
    store.update_sandbox_status(leaving.id, 1, status).await.unwrap().unwrap();
    assert!(store.insert_pool_member(pool.id, member(&pool)).await.unwrap());
    assert!(!store.insert_pool_member(pool.id, member(&pool)).await.unwrap());
}
