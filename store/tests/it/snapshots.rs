//! What snapshots of sandboxes, and the layers that they are made of, do.

use paddock_store::sandbox::{InsertOutcome, SandboxRecord, SandboxStatus, SnapshotOutcome, TaskRecord};
use paddock_store::{Order, SnapshotQuery, SnapshotRecord, SnapshotSort, Store};
use paddock_types::{
    DesiredState, ObjectId, OrganizationId, RootRef, SandboxState, Sha256, SnapshotId, SnapshotState,
    StoredObject, TaskId, TaskKind,
};

use crate::BIRTH;
use crate::samples::{later, sandbox, with_organization};

/// How many snapshots an organization may have.
const MOST: u64 = 3;

fn snapshot(source: &SandboxRecord, name: &str) -> SnapshotRecord {
    SnapshotRecord {
        image_name: None,
        image: source.image.clone(),
        build: None,
        deactivated_at: None,
        id: SnapshotId::random(),
        organization: Some(source.organization),
        name: name.to_owned(),
        alias: None,
        root: source.root.clone(),
        default_user: source.user.clone(),
        resources: source.status.resources,
        state: SnapshotState::Snapshotting,
        error_reason: None,
        size_bytes: None,
        created_at: BIRTH,
        updated_at: BIRTH,
        last_used_at: None,
        source: Some(source.id),
    }
}

fn layer(id: ObjectId) -> StoredObject {
    StoredObject { id, digest: Sha256::try_from("0a".repeat(32)).unwrap(), size_bytes: 7 }
}

async fn stored(store: &Store, organization: OrganizationId, name: &str) -> SandboxRecord {
    let made = sandbox(organization, name);
    assert_eq!(store.insert_sandbox(made.clone()).await.unwrap(), InsertOutcome::Done);
    made
}

/// A source, the snapshot that is being taken of it, and its layer.
async fn begun(store: &Store, name: &str) -> (SandboxRecord, SnapshotRecord, ObjectId) {
    let organization = with_organization(store).await;
    let source = stored(store, organization, "source").await;
    let (taken, id) = (snapshot(&source, name), ObjectId::random());
    let kind = TaskKind::Snapshot { snapshot: taken.id, layer: id };
    let task = Some(TaskRecord { id: TaskId::random(), kind, attempt: 1 });
    let status = SandboxStatus {
        task,
        desired: DesiredState::Started,
        state: SandboxState::Snapshotting,
        ..source.status
    };
    let outcome = store.begin_snapshot(MOST, source.id, 1, status, taken.clone(), id).await.unwrap();
    let SnapshotOutcome::Done(source) = outcome else { panic!("{outcome:?}") };
    (*source, taken, id)
}

/// The task of the source has ended.
async fn end_task(store: &Store, source: &SandboxRecord) -> SandboxRecord {
    let status = SandboxStatus { task: None, state: SandboxState::Started, ..source.status.clone() };
    store.update_sandbox_status(source.id, source.version, status).await.unwrap().unwrap()
}

async fn destroy(store: &Store, sandbox: SandboxRecord) {
    let status = SandboxStatus {
        desired: DesiredState::Destroyed,
        state: SandboxState::Destroyed,
        destroyed_at: Some(later(9)),
        ..sandbox.status
    };
    assert!(store.update_sandbox_status(sandbox.id, sandbox.version, status).await.unwrap().is_some());
}

pub(crate) async fn a_snapshot_of_a_sandbox_is_begun_and_ended_once(store: Store) {
    let (source, taken, id) = begun(&store, "base").await;
    let organization = source.organization;
    assert_eq!(store.load_snapshot(organization, taken.id).await.unwrap(), Some(taken.clone()));
    let root = RootRef::BUILTIN.with_layer(layer(id)).unwrap();
    let ended = store.finish_snapshot(taken.id, Ok((root.clone(), None)), later(1)).await.unwrap().unwrap();
    let expected = SnapshotRecord {
        root: root.clone(),
        state: SnapshotState::Active,
        updated_at: later(1),
        ..taken.clone()
    };
    assert_eq!(ended, expected);
    assert_eq!(store.finish_snapshot(taken.id, Err("late".to_owned()), later(2)).await.unwrap(), None);
    store.set_snapshot_size(root, 5).await.unwrap();
    // The built-in root is somebody else's.
    let states = store.set_root_state(RootRef::BUILTIN, SnapshotState::Error, None, None, later(3)).await;
    assert_eq!(states.unwrap(), []);
    let found = store.load_snapshot(organization, taken.id).await.unwrap().unwrap();
    assert_eq!((found.state, found.size_bytes), (SnapshotState::Active, Some(5)));
    let query = |source| SnapshotQuery {
        organization,
        name_part: String::new(),
        source: Some(source),
        sort: SnapshotSort::Name,
        order: Order::Ascending,
        limit: 10,
        offset: 0,
    };
    let mine = store.list_snapshots(query(source.id)).await.unwrap();
    assert_eq!((mine.total, mine.items), (1, vec![found]));
    let others = store.list_snapshots(query(paddock_types::SandboxId::random())).await.unwrap();
    assert_eq!((others.total, others.items), (0, vec![]));
}

pub(crate) async fn a_snapshot_whose_name_is_taken_or_whose_source_changed_writes_nothing(store: Store) {
    let (source, _, _) = begun(&store, "base").await;
    let again = snapshot(&source, "base");
    let outcome = store
        .begin_snapshot(MOST, source.id, source.version, source.status.clone(), again, ObjectId::random())
        .await;
    assert_eq!(outcome.unwrap(), SnapshotOutcome::NameTaken);
    let other = snapshot(&source, "other");
    let outcome = store
        .begin_snapshot(MOST, source.id, 1, source.status.clone(), other.clone(), ObjectId::random())
        .await;
    assert_eq!(outcome.unwrap(), SnapshotOutcome::SourceChanged);
    assert_eq!(store.load_snapshot(source.organization, other.id).await.unwrap(), None);
    assert_eq!(store.load_sandbox(source.id).await.unwrap(), Some(source));
}

pub(crate) async fn a_layer_is_stale_when_nothing_is_made_of_it(store: Store) {
    let (source, taken, id) = begun(&store, "base").await;
    let organization = source.organization;
    assert_eq!(store.claim_stale_layers().await.unwrap(), [], "a task writes it");
    let root = RootRef::BUILTIN.with_layer(layer(id)).unwrap();
    store.finish_snapshot(taken.id, Ok((root.clone(), None)), later(1)).await.unwrap().unwrap();
    let source = end_task(&store, &source).await;
    destroy(&store, source).await;
    assert_eq!(store.claim_stale_layers().await.unwrap(), [], "a snapshot is made of it");
    let made = SandboxRecord { root: root.clone(), ..sandbox(organization, "made") };
    assert_eq!(store.insert_sandbox(made.clone()).await.unwrap(), InsertOutcome::Done);
    assert_eq!(store.remove_snapshot(with_organization(&store).await, taken.id).await.unwrap(), None);
    assert!(store.remove_snapshot(organization, taken.id).await.unwrap().is_some());
    assert_eq!(store.remove_snapshot(organization, taken.id).await.unwrap(), None);
    assert_eq!(store.claim_stale_layers().await.unwrap(), [], "a sandbox is made of it");
    destroy(&store, made).await;
    assert_eq!(store.claim_stale_layers().await.unwrap(), [id]);
    assert_eq!(store.claim_stale_layers().await.unwrap(), [id], "until it is forgotten");
    let late = SandboxRecord { root, ..sandbox(organization, "late") };
    assert_eq!(store.insert_sandbox(late.clone()).await.unwrap(), InsertOutcome::RootGone);
    store.forget_layer(id).await.unwrap();
    assert_eq!(store.claim_stale_layers().await.unwrap(), []);
    assert_eq!(store.insert_sandbox(late).await.unwrap(), InsertOutcome::RootGone);
}

pub(crate) async fn of_a_create_and_a_collection_at_once_one_wins(store: Store) {
    for round in 0..20 {
        let (source, taken, id) = begun(&store, "base").await;
        let root = RootRef::BUILTIN.with_layer(layer(id)).unwrap();
        store.finish_snapshot(taken.id, Ok((root.clone(), None)), later(1)).await.unwrap().unwrap();
        let source = end_task(&store, &source).await;
        let organization = source.organization;
        store.remove_snapshot(organization, taken.id).await.unwrap().unwrap();
        let made = SandboxRecord { root, ..sandbox(organization, &format!("made {round}")) };
        let (inserted, claimed) = tokio::join!(store.insert_sandbox(made), store.claim_stale_layers());
        let is_claimed = claimed.unwrap().contains(&id);
        match inserted.unwrap() {
            InsertOutcome::Done => assert!(!is_claimed, "a sandbox lost its layer"),
            InsertOutcome::RootGone => assert!(is_claimed, "refused for nothing"),
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) async fn an_organization_has_no_more_snapshots_than_it_may(store: Store) {
    let organization = with_organization(&store).await;
    let mut sources = Vec::new();
    for number in 0..10 {
        sources.push(stored(&store, organization, &format!("source {number}")).await);
    }
    let begun = sources.iter().enumerate().map(|(number, source)| {
        let (taken, status) = (snapshot(source, &format!("taken-{number}")), source.status.clone());
        store.begin_snapshot(MOST, source.id, 1, status, taken, ObjectId::random())
    });
    let outcomes = futures_util::future::join_all(begun).await;
    let count = |wanted: fn(&SnapshotOutcome) -> bool| {
        outcomes.iter().filter(|outcome| wanted(outcome.as_ref().unwrap())).count()
    };
    assert_eq!(count(|outcome| matches!(outcome, SnapshotOutcome::Done(_))), 3);
    assert_eq!(count(|outcome| *outcome == SnapshotOutcome::TooMany), 7);
}

pub(crate) async fn a_root_of_as_many_layers_as_there_may_be_is_stored(store: Store) {
    let (source, taken, first) = begun(&store, "base").await;
    let others = (1..RootRef::MOST_LAYERS).map(|_| layer(ObjectId::random()));
    let layers = std::iter::once(layer(first)).chain(others).collect();
    let root = RootRef { layers, ..RootRef::BUILTIN };
    let made = SandboxRecord { root: root.clone(), ..sandbox(source.organization, "deep") };
    assert_eq!(
        store.insert_sandbox(made.clone()).await.unwrap(),
        InsertOutcome::RootGone,
        "most are not on record"
    );
    let refused = store.finish_snapshot(taken.id, Ok((root, None)), later(1)).await.unwrap().unwrap();
    assert_eq!(refused.state, SnapshotState::Error);
    let forked = store.fork_sandbox(source.id, source.version, source.status.clone(), made.clone()).await;
    assert!(matches!(forked.unwrap(), paddock_store::sandbox::ForkOutcome::Done(_)));
    assert_eq!(store.load_sandbox(made.id).await.unwrap(), Some(made));
}
