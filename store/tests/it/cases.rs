//! What single records do.

use std::collections::BTreeMap;

use paddock_store::sandbox::{Authorized, InsertOutcome, Presented, SandboxStatus};
use paddock_store::{KeyHash, NewSnapshot, Order, Role, SnapshotQuery, SnapshotSort, Store};
use paddock_types::{
    ApiKeyId, BuiltinSnapshot, DesiredState, OrganizationId, OsUser, RootRef, RunnerId, SandboxId,
    SandboxRef, SandboxState, SnapshotId, SnapshotState, UserId,
};

use crate::BIRTH;
use crate::samples::{api_key, later, organization, sandbox, with_organization};

pub(crate) async fn a_store_is_born_once_and_its_epoch_only_rises(store: Store) {
    assert_eq!(store.born().await.unwrap(), BIRTH);
    let first = store.epoch().await.unwrap();
    assert_eq!(i64::try_from(first).unwrap(), BIRTH.0);
    assert_eq!(store.raise_epoch(first + 5).await.unwrap(), first + 5);
    assert_eq!(store.raise_epoch(first + 1).await.unwrap(), first + 5);
    assert_eq!(store.epoch().await.unwrap(), first + 5);
}

pub(crate) async fn only_the_first_organization_is_made_by_a_bootstrap(store: Store) {
    let first = organization("one");
    assert!(store.insert_first_organization(first.clone()).await.unwrap());
    assert!(!store.insert_first_organization(organization("two")).await.unwrap());
    assert_eq!(store.load_organization(first.organization.id).await.unwrap(), Some(first.organization));
    assert_eq!(store.load_organization(OrganizationId::random()).await.unwrap(), None);
    assert!(store.load_api_key(KeyHash::of("two")).await.unwrap().is_none());
}

pub(crate) async fn a_key_is_found_by_its_hash_and_gone_after_deletion(store: Store) {
    let new = organization("dtn_first");
    let (id, user) = (new.organization.id, new.owner.id);
    store.insert_organization(new.clone()).await.unwrap();
    assert_eq!(store.load_api_key(KeyHash::of("dtn_first")).await.unwrap(), Some(new.key.clone()));
    assert_eq!(store.load_api_key_by_name(id, user, "first".to_owned()).await.unwrap(), Some(new.key));
    assert_eq!(store.list_api_keys(id, None).await.unwrap().len(), 1);
    assert_eq!(store.list_api_keys(id, Some(UserId::random())).await.unwrap(), vec![]);
    assert!(!store.delete_api_key(id, UserId::random(), "first".to_owned()).await.unwrap());
    assert!(store.delete_api_key(id, user, "first".to_owned()).await.unwrap());
    assert_eq!(store.load_api_key(KeyHash::of("dtn_first")).await.unwrap(), None);
}

pub(crate) async fn a_key_name_is_unique_per_user_and_organization(store: Store) {
    let (one, two) = (organization("1"), organization("2"));
    store.insert_organization(one.clone()).await.unwrap();
    store.insert_organization(two.clone()).await.unwrap();
    let (first, second) = (one.organization.id, two.organization.id);
    assert!(!store.insert_api_key(api_key(first, one.owner.id, "first", "3")).await.unwrap());
    assert!(store.insert_api_key(api_key(second, one.owner.id, "first", "4")).await.unwrap());
    let mut expiring = api_key(first, one.owner.id, "other", "5");
    expiring.expires_at = Some(later(9));
    assert!(store.insert_api_key(expiring.clone()).await.unwrap());
    assert_eq!(store.load_api_key(KeyHash::of("5")).await.unwrap(), Some(expiring));
    let names: Vec<String> = store
        .list_api_keys(first, Some(one.owner.id))
        .await
        .unwrap()
        .into_iter()
        .map(|key| key.name)
        .collect();
    assert_eq!(names.len(), 2);
}

pub(crate) async fn a_sandbox_comes_back_as_it_was_stored(store: Store) {
    let organization = with_organization(&store).await;
    let mut stored = sandbox(organization, "web");
    stored.labels = BTreeMap::from([("a".to_owned(), String::new()), ("ü \" '".to_owned(), "%_".to_owned())]);
    stored.status.runner = Some(RunnerId::random());
    stored.status.error_reason = Some("why".to_owned());
    stored.status.daemon_version = Some("1.2".to_owned());
    assert_eq!(store.insert_sandbox(stored.clone()).await.unwrap(), InsertOutcome::Done);
    assert_eq!(store.load_sandbox(stored.id).await.unwrap(), Some(stored.clone()));
    assert_eq!(find(&store, organization, "web").await, Some(stored.id));
    assert_eq!(find(&store, organization, "WEB").await, None);
    assert_eq!(store.load_sandbox(SandboxId::random()).await.unwrap(), None);
}

pub(crate) async fn a_live_name_is_taken_and_a_deleted_one_is_free(store: Store) {
    let (mine, yours) = (with_organization(&store).await, with_organization(&store).await);
    let first = sandbox(mine, "web");
    assert_eq!(store.insert_sandbox(first.clone()).await.unwrap(), InsertOutcome::Done);
    assert_eq!(store.insert_sandbox(sandbox(mine, "web")).await.unwrap(), InsertOutcome::NameTaken);
    assert_eq!(store.insert_sandbox(sandbox(yours, "web")).await.unwrap(), InsertOutcome::Done);
    let deleted = SandboxStatus {
        desired: DesiredState::Destroyed,
        state: SandboxState::Destroying,
        ..first.status.clone()
    };
    assert!(store.update_sandbox_status(first.id, 1, deleted).await.unwrap().is_some());
    let second = sandbox(mine, "web");
    assert_eq!(store.insert_sandbox(second.clone()).await.unwrap(), InsertOutcome::Done);
    assert_eq!(find(&store, mine, "web").await, Some(second.id));
    // The deleted one keeps its own id, under which it is still shown.
    assert_eq!(find(&store, mine, &first.id.to_string()).await, Some(first.id));
}

pub(crate) async fn of_two_creates_with_one_name_exactly_one_succeeds(store: Store) {
    let organization = with_organization(&store).await;
    let creates = (0..20).map(|_| {
        let store = store.clone();
        async move { store.insert_sandbox(sandbox(organization, "web")).await.unwrap() }
    });
    let made = futures_util::future::join_all(creates).await;
    assert_eq!(made.into_iter().filter(|made| *made == InsertOutcome::Done).count(), 1);
}

pub(crate) async fn a_status_is_replaced_only_at_the_version_that_was_read(store: Store) {
    let organization = with_organization(&store).await;
    let made = sandbox(organization, "web");
    store.insert_sandbox(made.clone()).await.unwrap();
    let started = SandboxStatus {
        state: SandboxState::Started,
        existed: true,
        forced: true,
        recoverable: true,
        updated_at: later(50),
        ..made.status.clone()
    };
    let replaced = store.update_sandbox_status(made.id, 1, started.clone()).await.unwrap();
    assert_eq!(store.update_sandbox_status(made.id, 1, made.status).await.unwrap(), None);
    let found = store.load_sandbox(made.id).await.unwrap().unwrap();
    assert_eq!(replaced.as_ref(), Some(&found), "what is given back is what was recorded");
    assert_eq!((found.version, found.status), (2, started));
    assert_eq!(found.last_activity_at, later(50), "a change of state is activity");
}

pub(crate) async fn labels_are_replaced_as_a_whole(store: Store) {
    let organization = with_organization(&store).await;
    let made = sandbox(organization, "web");
    store.insert_sandbox(made.clone()).await.unwrap();
    let labels = BTreeMap::from([("x".to_owned(), "1".to_owned()), ("y".to_owned(), "2".to_owned())]);
    let found = store.replace_labels(made.id, labels.clone(), later(1)).await.unwrap().unwrap();
    assert_eq!((found.labels, found.status.updated_at, found.version), (labels, later(1), 1));
    let found = store.replace_labels(made.id, BTreeMap::new(), later(2)).await.unwrap().unwrap();
    assert_eq!(found.labels, BTreeMap::new());
    assert!(store.replace_labels(SandboxId::random(), BTreeMap::new(), later(3)).await.unwrap().is_none());
}

pub(crate) async fn activity_only_moves_forward(store: Store) {
    let new = organization("key");
    let made = sandbox(new.organization.id, "web");
    store.insert_organization(new.clone()).await.unwrap();
    store.insert_sandbox(made.clone()).await.unwrap();
    store.ensure_shared_snapshots(vec![builtin(BuiltinSnapshot::Small)]).await.unwrap();
    let name = BuiltinSnapshot::Small.name().to_owned();
    let snapshot = store.load_snapshot_by_name(new.organization.id, name.clone()).await.unwrap().unwrap();
    for at in [later(9), later(4)] {
        let unknown = (ApiKeyId::random(), at);
        let keys = vec![(new.key.id, at), unknown];
        store.record_activity(vec![(made.id, at)], keys, vec![(snapshot.id, at)]).await.unwrap();
    }
    let found = store.load_sandbox(made.id).await.unwrap().unwrap();
    assert_eq!((found.last_activity_at, found.version), (later(9), 1));
    let key = store.load_api_key(KeyHash::of("key")).await.unwrap().unwrap();
    assert_eq!(key.last_used_at, Some(later(9)));
    let snapshot = store.load_snapshot_by_name(new.organization.id, name).await.unwrap().unwrap();
    assert_eq!(snapshot.last_used_at, Some(later(9)));
}

pub(crate) async fn a_sandbox_whose_name_reads_as_an_id_is_found(store: Store) {
    let organization = with_organization(&store).await;
    let name = SandboxId::random().to_string();
    let made = sandbox(organization, &name);
    store.insert_sandbox(made.clone()).await.unwrap();
    assert_eq!(find(&store, organization, &name).await, Some(made.id));
    let namesake = sandbox(organization, &made.id.to_string());
    store.insert_sandbox(namesake).await.unwrap();
    assert_eq!(find(&store, organization, &made.id.to_string()).await, Some(made.id), "the id goes first");
}

pub(crate) async fn a_foreign_or_destroyed_sandbox_is_not_found(store: Store) {
    let (mine, yours) = (with_organization(&store).await, with_organization(&store).await);
    let made = sandbox(mine, "web");
    store.insert_sandbox(made.clone()).await.unwrap();
    for reference in [made.id.to_string(), "web".to_owned()] {
        assert_eq!(find(&store, mine, &reference).await, Some(made.id));
        assert_eq!(find(&store, yours, &reference).await, None);
    }
    destroy(&store, made.id, 5).await;
    for reference in [made.id.to_string(), "web".to_owned()] {
        assert_eq!(find(&store, mine, &reference).await, None);
    }
    assert!(store.load_sandbox(made.id).await.unwrap().is_some(), "the record stays until it is purged");
    assert!(store.replace_labels(made.id, BTreeMap::new(), later(1)).await.unwrap().is_none());
}

pub(crate) async fn a_presented_key_sees_its_own_sandboxes_only(store: Store) {
    let (mine, yours) = (organization("mine"), organization("yours"));
    let id = mine.organization.id;
    store.insert_organization(mine.clone()).await.unwrap();
    store.insert_organization(yours).await.unwrap();
    let mut expiring = api_key(id, mine.owner.id, "expiring", "expiring");
    expiring.expires_at = Some(later(100));
    store.insert_api_key(expiring).await.unwrap();
    let made = sandbox(id, "web");
    store.insert_sandbox(made.clone()).await.unwrap();
    let present = async |key: &str, reference: &str, at| {
        let reference = SandboxRef::try_from(reference.to_owned()).unwrap();
        store.authorize(KeyHash::of(key), reference, later(at)).await.unwrap()
    };
    let owner =
        Presented::Owner(Authorized { sandbox: made.id, organization: id, state: SandboxState::Creating });
    for reference in [made.id.to_string().as_str(), "web"] {
        assert_eq!(present("mine", reference, 0).await, owner);
        assert_eq!(present("expiring", reference, 99).await, owner);
        assert_eq!(present("expiring", reference, 100).await, Presented::UnknownKey);
        assert_eq!(present("yours", reference, 0).await, Presented::UnknownSandbox);
        assert_eq!(present("nobody's", reference, 0).await, Presented::UnknownKey);
    }
    assert_eq!(present("mine", "other", 0).await, Presented::UnknownSandbox);
    destroy(&store, made.id, 5).await;
    assert_eq!(present("mine", &made.id.to_string(), 0).await, Presented::UnknownSandbox);
}

pub(crate) async fn unsettled_sandboxes_are_listed_and_destroyed_ones_purged(store: Store) {
    let organization = with_organization(&store).await;
    let mut made: Vec<SandboxId> = Vec::new();
    for name in ["a", "b", "c"] {
        let sandbox = sandbox(organization, name);
        made.push(sandbox.id);
        store.insert_sandbox(sandbox).await.unwrap();
    }
    made.sort();
    assert_eq!(store.list_unsettled().await.unwrap(), made);
    assert_eq!(store.list_live_after(None, 2).await.unwrap(), made[..2]);
    assert_eq!(store.list_live_after(Some(made[1]), 2).await.unwrap(), made[2..]);
    destroy(&store, made[0], 5).await;
    assert_eq!(store.list_unsettled().await.unwrap(), made[1..]);
    assert_eq!(store.list_live_after(None, 9).await.unwrap(), made[1..]);
    assert_eq!(store.purge_destroyed(later(5)).await.unwrap(), 0);
    assert_eq!(store.purge_destroyed(later(6)).await.unwrap(), 1);
    assert_eq!(store.load_sandbox(made[0]).await.unwrap(), None);
}

pub(crate) async fn shared_snapshots_are_ensured_once_and_found_by_every_name(store: Store) {
    let organization = with_organization(&store).await;
    let all: Vec<NewSnapshot> = BuiltinSnapshot::ALL.into_iter().map(builtin).collect();
    store.ensure_shared_snapshots(all.clone()).await.unwrap();
    store.ensure_shared_snapshots(BuiltinSnapshot::ALL.into_iter().map(builtin).collect()).await.unwrap();
    let small = &all[0];
    for name in ["paddock-small", "daytona-small"] {
        let found = store.load_snapshot_by_name(organization, name.to_owned()).await.unwrap().unwrap();
        assert_eq!((found.id, found.resources), (small.id, BuiltinSnapshot::Small.resources()));
    }
    let found = store.load_snapshot(organization, small.id).await.unwrap().unwrap();
    assert_eq!((found.state, found.size_bytes, found.last_used_at), (SnapshotState::Pulling, None, None));
    assert!(store.load_snapshot(organization, SnapshotId::random()).await.unwrap().is_none());
    let mut names = Vec::new();
    for offset in 0..2 {
        let query = SnapshotQuery {
            organization,
            name_part: "DOCK-".to_owned(),
            source: None,
            sort: SnapshotSort::Name,
            order: Order::Ascending,
            limit: 2,
            offset: offset * 2,
        };
        let page = store.list_snapshots(query).await.unwrap();
        assert_eq!(page.total, 3);
        names.extend(page.items.into_iter().map(|snapshot| snapshot.name));
    }
    assert_eq!(names, ["paddock-large", "paddock-medium", "paddock-small"]);
}

pub(crate) async fn a_root_state_reaches_every_snapshot_of_it(store: Store) {
    let organization = with_organization(&store).await;
    store.ensure_shared_snapshots(BuiltinSnapshot::ALL.into_iter().map(builtin).collect()).await.unwrap();
    let root = RootRef::BUILTIN;
    let reason = Some("no space".to_owned());
    let changed = store
        .set_root_state(root.clone(), SnapshotState::Error, reason.clone(), None, later(1))
        .await
        .unwrap();
    assert_eq!(changed.len(), BuiltinSnapshot::ALL.len());
    for (old, snapshot) in changed {
        assert_eq!(
            (old, snapshot.state, snapshot.updated_at),
            (SnapshotState::Pulling, SnapshotState::Error, later(1))
        );
    }
    let large = || store.load_snapshot_by_name(organization, "paddock-large".to_owned());
    let found = large().await.unwrap().unwrap();
    assert_eq!((found.state, found.error_reason, found.updated_at), (SnapshotState::Error, reason, later(1)));
    store.set_root_state(root.clone(), SnapshotState::Active, None, Some(5 << 30), later(2)).await.unwrap();
    let again = store
        .set_root_state(root.clone(), SnapshotState::Active, None, Some(5 << 30), later(3))
        .await
        .unwrap();
    assert_eq!(again, []);
    let found = large().await.unwrap().unwrap();
    assert_eq!(
        (found.state, found.error_reason, found.size_bytes),
        (SnapshotState::Active, None, Some(5 << 30))
    );
    assert_eq!(found.updated_at, later(2), "the same state said twice is no change");
}

pub(crate) async fn a_user_and_a_role_are_found(store: Store) {
    let new = organization("key");
    store.insert_organization(new.clone()).await.unwrap();
    let (id, user) = (new.organization.id, new.owner.id);
    assert_eq!(store.load_user(user).await.unwrap(), Some(new.owner));
    assert_eq!(store.load_user(UserId::random()).await.unwrap(), None);
    assert_eq!(store.load_role(id, user).await.unwrap(), Some(Role::Owner));
    assert_eq!(store.load_role(id, UserId::random()).await.unwrap(), None);
}

async fn find(store: &Store, organization: OrganizationId, reference: &str) -> Option<SandboxId> {
    let reference = SandboxRef::try_from(reference.to_owned()).unwrap();
    store.find_sandbox(organization, reference).await.unwrap().map(|found| found.id)
}

async fn destroy(store: &Store, id: SandboxId, at: i64) {
    let found = store.load_sandbox(id).await.unwrap().unwrap();
    let gone = SandboxStatus {
        desired: DesiredState::Destroyed,
        state: SandboxState::Destroyed,
        destroyed_at: Some(later(at)),
        ..found.status
    };
    assert!(store.update_sandbox_status(id, found.version, gone).await.unwrap().is_some());
}

fn builtin(snapshot: BuiltinSnapshot) -> NewSnapshot {
    NewSnapshot {
        id: SnapshotId::random(),
        name: snapshot.name().to_owned(),
        alias: Some(snapshot.alias().to_owned()),
        root: RootRef::BUILTIN,
        default_user: OsUser::try_from("daytona".to_owned()).unwrap(),
        resources: snapshot.resources(),
        state: SnapshotState::Pulling,
        created_at: BIRTH,
    }
}
