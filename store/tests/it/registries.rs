//! Registries of images.

use paddock_store::{RegistryChange, RegistryRecord, Store};
use paddock_types::{OrganizationId, RegistryId};

use crate::BIRTH;
use crate::samples::{later, with_organization};

fn registry(organization: OrganizationId, host: &str) -> RegistryRecord {
    RegistryRecord {
        id: RegistryId::random(),
        organization,
        name: "mine ü".to_owned(),
        url: format!("{host}/v1"),
        host: host.to_owned(),
        username: "someone".to_owned(),
        password: "v1:sealed".to_owned(),
        project: String::new(),
        created_at: BIRTH,
        updated_at: BIRTH,
    }
}

pub(crate) async fn a_registry_is_its_organizations_own_and_keeps_its_password(store: Store) {
    let (mine, yours) = (with_organization(&store).await, with_organization(&store).await);
    let made = registry(mine, "ghcr.io");
    assert!(store.insert_registry(made.clone(), 2).await.unwrap());
    assert_eq!(store.load_registry(mine, made.id).await.unwrap(), Some(made.clone()));
    assert_eq!(store.load_registry(yours, made.id).await.unwrap(), None);
    assert!(store.insert_registry(registry(mine, "quay.io"), 2).await.unwrap());
    assert!(!store.insert_registry(registry(mine, "quay.io"), 2).await.unwrap(), "two are the most");
    assert!(store.insert_registry(registry(yours, "ghcr.io"), 2).await.unwrap());
    assert_eq!(store.list_registries(mine).await.unwrap().len(), 2);
    assert_eq!(
        store.list_registries_of_host(mine, "ghcr.io".to_owned()).await.unwrap(),
        std::slice::from_ref(&made)
    );

    let change = |host: &str, password: Option<&str>| RegistryChange {
        name: "renamed".to_owned(),
        url: host.to_owned(),
        host: host.to_owned(),
        username: "other".to_owned(),
        password: password.map(str::to_owned),
        project: "team".to_owned(),
        updated_at: later(1),
    };
    let update = |organization, change| store.update_registry(organization, made.id, change);
    assert_eq!(update(yours, change("ghcr.io", Some("x"))).await.unwrap(), None);
    assert_eq!(update(mine, change("evil.example.com", None)).await.unwrap(), None, "not without a password");
    let changed = update(mine, change("ghcr.io", None)).await.unwrap().unwrap();
    assert_eq!((changed.password.as_str(), changed.project.as_str()), ("v1:sealed", "team"));
    assert_eq!((changed.created_at, changed.updated_at), (BIRTH, later(1)));
    let moved = update(mine, change("docker.io", Some("v1:new"))).await.unwrap().unwrap();
    assert_eq!((moved.host.as_str(), moved.password.as_str()), ("docker.io", "v1:new"));
    assert!(!format!("{moved:?}").contains("v1:new"));

    assert!(!store.delete_registry(yours, made.id).await.unwrap());
    assert!(store.delete_registry(mine, made.id).await.unwrap());
    assert!(!store.delete_registry(mine, made.id).await.unwrap());
}
