//! What linked sandboxes do.

use futures_util::future::join_all;
use paddock_store::Store;
use paddock_store::sandbox::{InsertOutcome, LinkRecord, MOST_LINKED, SandboxRecord, SandboxStatus};
use paddock_types::{DesiredState, OrganizationId, SandboxId, SandboxState};

use crate::samples::{sandbox, with_organization};

async fn target(store: &Store, organization: OrganizationId) -> SandboxRecord {
    let made = sandbox(organization, "target");
    assert_eq!(store.insert_sandbox(made.clone()).await.unwrap(), InsertOutcome::Done);
    become_state(store, made.id, SandboxState::Started, DesiredState::Started).await
}

async fn become_state(
    store: &Store,
    id: SandboxId,
    state: SandboxState,
    desired: DesiredState,
) -> SandboxRecord {
    let found = store.load_sandbox(id).await.unwrap().unwrap();
    let status = SandboxStatus { state, desired, ..found.status };
    store.update_sandbox_status(id, found.version, status).await.unwrap().unwrap()
}

fn linked(target: &SandboxRecord, name: &str) -> SandboxRecord {
    let link = LinkRecord { target: target.id, target_name: target.name.clone() };
    SandboxRecord { link: Some(link), ..sandbox(target.organization, name) }
}

pub(crate) async fn a_link_comes_back_as_it_was_stored_and_needs_a_target_that_lives_and_is_not_linked(
    store: Store,
) {
    let organization = with_organization(&store).await;
    let target = target(&store, organization).await;
    let insert = |target: &SandboxRecord, name: &str| {
        let (store, record) = (store.clone(), linked(target, name));
        async move { (record.clone(), store.insert_sandbox(record).await.unwrap()) }
    };
    let (first, outcome) = insert(&target, "db").await;
    assert_eq!(outcome, InsertOutcome::Done);
    assert_eq!(store.load_sandbox(first.id).await.unwrap(), Some(first.clone()));
    assert_eq!(store.list_linked(target.id).await.unwrap(), [first.id]);
    assert_eq!(insert(&target, "db").await.1, InsertOutcome::NameTaken);
    assert_eq!(store.load_sandbox(target.id).await.unwrap(), Some(target.clone()), "nobody touched it");
    let chained = become_state(&store, first.id, SandboxState::Started, DesiredState::Started).await;
    assert_eq!(insert(&chained, "chained").await.1, InsertOutcome::TargetGone);
    become_state(&store, target.id, SandboxState::Archived, DesiredState::Archived).await;
    assert_eq!(insert(&target, "late").await.1, InsertOutcome::TargetGone);
    become_state(&store, target.id, SandboxState::Stopped, DesiredState::Stopped).await;
    assert_eq!(insert(&target, "late").await.1, InsertOutcome::Done);
    become_state(&store, first.id, SandboxState::Destroying, DesiredState::Destroyed).await;
    assert_eq!(store.list_linked(target.id).await.unwrap().len(), 1, "one that is to go is none any more");
}

pub(crate) async fn only_so_many_are_linked_with_one(store: Store) {
    let organization = with_organization(&store).await;
    let target = target(&store, organization).await;
    let inserts = (0..MOST_LINKED + 7).map(|number| {
        let (store, record) = (store.clone(), linked(&target, &format!("web-{number}")));
        tokio::spawn(async move { store.insert_sandbox(record).await.unwrap() })
    });
    let outcomes: Vec<_> = join_all(inserts.collect::<Vec<_>>()).await;
    let done = outcomes.iter().filter(|outcome| *outcome.as_ref().unwrap() == InsertOutcome::Done).count();
    let refused =
        outcomes.iter().filter(|outcome| *outcome.as_ref().unwrap() == InsertOutcome::TooManyLinked);
    assert_eq!((done as u64, refused.count()), (MOST_LINKED, 7));
}

pub(crate) async fn a_target_that_is_deleted_at_the_same_time_has_all_that_were_let_in(store: Store) {
    let organization = with_organization(&store).await;
    let target = target(&store, organization).await;
    let inserts: Vec<_> = (0..10)
        .map(|number| {
            let (store, record) = (store.clone(), linked(&target, &format!("web-{number}")));
            tokio::spawn(async move { store.insert_sandbox(record).await.unwrap() })
        })
        .collect();
    let deleting = {
        let (store, target) = (store.clone(), target.clone());
        tokio::spawn(async move {
            let gone = SandboxStatus {
                state: SandboxState::Destroying,
                desired: DesiredState::Destroyed,
                ..target.status
            };
            store.update_sandbox_status(target.id, target.version, gone).await.unwrap().unwrap();
            // What whoever deletes it finds from here on is all that there will ever be.
            store.list_linked(target.id).await.unwrap().len()
        })
    };
    let outcomes = join_all(inserts).await;
    let done = outcomes.iter().filter(|outcome| *outcome.as_ref().unwrap() == InsertOutcome::Done).count();
    assert_eq!(deleting.await.unwrap(), done);
    assert_eq!(store.list_linked(target.id).await.unwrap().len(), done);
}
