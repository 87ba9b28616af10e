//! Volumes, and who mounts them.

use paddock_store::sandbox::{InsertOutcome, SandboxStatus};
use paddock_store::{DeleteVolumeOutcome, InsertVolumeOutcome, SandboxRecord, Store, VolumeRecord};
use paddock_types::{
    DesiredState, MountPath, OrganizationId, SandboxState, Subpath, VolumeId, VolumeMount, VolumeState,
};

use crate::BIRTH;
use crate::samples::{later, sandbox, with_organization};

fn volume(organization: OrganizationId, name: &str) -> VolumeRecord {
    VolumeRecord {
        id: VolumeId::random(),
        organization,
        name: name.to_owned(),
        created_at: BIRTH,
        last_used_at: None,
        state: VolumeState::PendingCreate,
        error_reason: None,
        updated_at: BIRTH,
        version: 1,
    }
}

/// A volume that is ready.
async fn ready(store: &Store, organization: OrganizationId, name: &str) -> VolumeRecord {
    let made = volume(organization, name);
    assert_eq!(store.insert_volume(made.clone(), 100).await.unwrap(), InsertVolumeOutcome::Done);
    store.set_volume_state(made, VolumeState::Ready, None, later(1)).await.unwrap().unwrap()
}

fn mounting(organization: OrganizationId, name: &str, volumes: &[VolumeId]) -> SandboxRecord {
    let at = |(number, volume): (usize, &VolumeId)| VolumeMount {
        volume: *volume,
        path: MountPath::try_from(format!("/data{number}")).unwrap(),
        subpath: (number > 0).then(|| Subpath::try_from("a/b".to_owned()).unwrap()),
    };
    SandboxRecord { volumes: volumes.iter().enumerate().map(at).collect(), ..sandbox(organization, name) }
}

pub(crate) async fn a_volume_is_found_by_id_and_by_name_while_it_is_taken(store: Store) {
    let (mine, yours) = (with_organization(&store).await, with_organization(&store).await);
    let made = ready(&store, mine, "Daten ü %_").await;
    assert_eq!((made.version, made.state, made.updated_at), (2, VolumeState::Ready, later(1)));
    assert_eq!(store.load_volume(mine, made.id).await.unwrap(), Some(made.clone()));
    assert_eq!(store.load_volume(yours, made.id).await.unwrap(), None);
    let by_name = async |organization, name: &str| {
        store.load_volume_by_name(organization, name.to_owned()).await.unwrap()
    };
    assert_eq!(by_name(mine, "Daten ü %_").await, Some(made.clone()));
    assert_eq!(by_name(mine, "daten ü %_").await, None);
    assert_eq!(by_name(yours, "Daten ü %_").await, None);
    let again = volume(mine, "Daten ü %_");
    assert_eq!(store.insert_volume(again, 100).await.unwrap(), InsertVolumeOutcome::NameTaken);
    assert_eq!(
        store.insert_volume(volume(yours, "Daten ü %_"), 100).await.unwrap(),
        InsertVolumeOutcome::Done
    );

    let deleted = store.delete_volume(mine, made.id, later(2)).await.unwrap();
    let DeleteVolumeOutcome::Done(deleted, VolumeState::Ready) = deleted else { panic!("{deleted:?}") };
    assert_eq!((deleted.state, deleted.version), (VolumeState::PendingDelete, 3));
    assert_eq!(by_name(mine, "Daten ü %_").await, None);
    assert_eq!(
        store.insert_volume(volume(mine, "Daten ü %_"), 100).await.unwrap(),
        InsertVolumeOutcome::Done
    );
    let once_more = store.delete_volume(mine, made.id, later(3)).await.unwrap();
    assert_eq!(once_more, DeleteVolumeOutcome::State(VolumeState::PendingDelete));
    let foreign = store.delete_volume(yours, made.id, later(3)).await.unwrap();
    assert_eq!(foreign, DeleteVolumeOutcome::Gone);
}

pub(crate) async fn a_volume_changes_only_at_the_version_that_was_read_and_is_forgotten_in_the_end(
    store: Store,
) {
    let organization = with_organization(&store).await;
    let made = volume(organization, "data");
    store.insert_volume(made.clone(), 100).await.unwrap();
    assert_eq!(store.list_unsettled_volumes().await.unwrap(), std::slice::from_ref(&made));
    let why = Some("why".to_owned());
    let failed =
        store.set_volume_state(made.clone(), VolumeState::Error, why, later(1)).await.unwrap().unwrap();
    assert_eq!(failed.error_reason.as_deref(), Some("why"));
    assert_eq!(store.set_volume_state(made.clone(), VolumeState::Ready, None, later(2)).await.unwrap(), None);
    assert_eq!(store.list_unsettled_volumes().await.unwrap(), []);
    let gone = store.set_volume_state(failed, VolumeState::Deleted, None, later(3)).await.unwrap().unwrap();
    assert_eq!(store.list_volumes(organization, false).await.unwrap(), []);
    assert_eq!(store.list_volumes(organization, true).await.unwrap(), [gone]);
    assert_eq!(store.purge_deleted_volumes(later(3)).await.unwrap(), 0);
    assert_eq!(store.purge_deleted_volumes(later(4)).await.unwrap(), 1);
    assert_eq!(store.list_volumes(organization, true).await.unwrap(), []);
}

pub(crate) async fn of_many_volumes_at_once_no_more_are_made_than_may_be(store: Store) {
    let organization = with_organization(&store).await;
    let creates = (0..20).map(|number| {
        let store = store.clone();
        async move { store.insert_volume(volume(organization, &format!("v{number}")), 7).await.unwrap() }
    });
    let made = futures_util::future::join_all(creates).await;
    assert_eq!(made.iter().filter(|made| **made == InsertVolumeOutcome::Done).count(), 7);
    assert_eq!(made.iter().filter(|made| **made == InsertVolumeOutcome::TooMany).count(), 13);
}

pub(crate) async fn a_mounting_sandbox_comes_back_as_it_was_stored(store: Store) {
    let organization = with_organization(&store).await;
    let (one, two) = (ready(&store, organization, "one").await, ready(&store, organization, "two").await);
    let stored = mounting(organization, "web", &[two.id, one.id, two.id]);
    assert_eq!(store.insert_sandbox(stored.clone()).await.unwrap(), InsertOutcome::Done);
    assert_eq!(store.load_sandbox(stored.id).await.unwrap(), Some(stored.clone()));
    let taken = mounting(organization, "web", &[one.id]);
    assert_eq!(store.insert_sandbox(taken).await.unwrap(), InsertOutcome::NameTaken);
    for unusable in [VolumeId::random(), {
        let other = with_organization(&store).await;
        ready(&store, other, "theirs").await.id
    }] {
        let refused = mounting(organization, "other", &[one.id, unusable]);
        let outcome = store.insert_sandbox(refused.clone()).await.unwrap();
        assert_eq!(outcome, InsertOutcome::VolumeNotReady(unusable));
        assert_eq!(store.load_sandbox(refused.id).await.unwrap(), None);
    }
    let touched = store.touch_volumes(vec![two.id, one.id, two.id], later(9)).await.unwrap();
    assert_eq!(touched.len(), 2);
    assert!(touched.iter().all(|volume| volume.last_used_at == Some(later(9))));
    assert_eq!(store.touch_volumes(vec![one.id], later(8)).await.unwrap(), [], "time only goes forward");
}

pub(crate) async fn a_volume_is_in_use_while_a_sandbox_that_mounts_it_is_wished(store: Store) {
    let organization = with_organization(&store).await;
    let volume = ready(&store, organization, "data").await;
    let user = mounting(organization, "web", &[volume.id]);
    store.insert_sandbox(user.clone()).await.unwrap();
    let delete = async || store.delete_volume(organization, volume.id, later(2)).await.unwrap();
    assert_eq!(delete().await, DeleteVolumeOutcome::Mounted);
    let leaving = SandboxStatus {
        desired: DesiredState::Destroyed,
        state: SandboxState::Destroying,
        ..user.status.clone()
    };
    store.update_sandbox_status(user.id, 1, leaving.clone()).await.unwrap().unwrap();
    assert!(store.is_volume_mounted(volume.id).await.unwrap(), "it is not gone yet");
    assert!(matches!(delete().await, DeleteVolumeOutcome::Done(..)));
    let late = mounting(organization, "late", &[volume.id]);
    assert_eq!(store.insert_sandbox(late).await.unwrap(), InsertOutcome::VolumeNotReady(volume.id));
    let gone = SandboxStatus { state: SandboxState::Destroyed, destroyed_at: Some(later(5)), ..leaving };
    store.update_sandbox_status(user.id, 2, gone).await.unwrap().unwrap();
    assert!(!store.is_volume_mounted(volume.id).await.unwrap());
    assert_eq!(store.purge_destroyed(later(9)).await.unwrap(), 1, "what it mounted does not hold its record");
}

pub(crate) async fn of_a_mount_and_a_removal_at_once_not_both_win(store: Store) {
    let organization = with_organization(&store).await;
    for round in 0..40 {
        let volume = ready(&store, organization, &format!("data{round}")).await;
        let user = mounting(organization, &format!("web{round}"), &[volume.id]);
        let (mounting, removing) = (store.clone(), store.clone());
        let mounted = tokio::spawn(async move { mounting.insert_sandbox(user).await.unwrap() });
        let removed =
            tokio::spawn(
                async move { removing.delete_volume(organization, volume.id, later(2)).await.unwrap() },
            );
        let (mounted, removed) = (mounted.await.unwrap(), removed.await.unwrap());
        let is_mounted = mounted == InsertOutcome::Done;
        let is_removed = matches!(removed, DeleteVolumeOutcome::Done(..));
        assert!(is_mounted != is_removed, "{mounted:?} {removed:?}");
    }
}
