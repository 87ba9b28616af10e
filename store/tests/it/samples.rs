//! Records to begin with.

use std::collections::BTreeMap;

use paddock_store::sandbox::{AuthToken, SandboxRecord, SandboxStatus};
use paddock_store::{ApiKeyRecord, KeyHash, NewOrganization, OrganizationRecord, Store, UserRecord};
use paddock_types::{
    ApiKeyId, AutoArchive, AutoDelete, AutoPause, AutoStop, BuiltinSnapshot, Generation, ImageConfig,
    OrganizationId, OsUser, Permission, RootRef, SandboxId, Timestamp, UserId,
};

use crate::BIRTH;

pub(crate) fn organization(key: &str) -> NewOrganization {
    let user = UserId::random();
    let id = OrganizationId::random();
    NewOrganization {
        organization: OrganizationRecord {
            id,
            name: "Personal".to_owned(),
            created_by: user,
            personal: true,
            created_at: BIRTH,
            updated_at: BIRTH,
        },
        owner: UserRecord {
            id: user,
            name: "Ada".to_owned(),
            email: "ada@localhost".to_owned(),
            created_at: BIRTH,
        },
        key: api_key(id, user, "first", key),
    }
}

pub(crate) fn api_key(organization: OrganizationId, user: UserId, name: &str, key: &str) -> ApiKeyRecord {
    ApiKeyRecord {
        id: ApiKeyId::random(),
        organization,
        user,
        name: name.to_owned(),
        hash: KeyHash::of(key),
        masked: "dtn***abc".to_owned(),
        permissions: vec![Permission::WriteSandboxes, Permission::DeleteSandboxes],
        administrator: false,
        created_at: BIRTH,
        expires_at: None,
        last_used_at: None,
    }
}

/// A store with one organization.
pub(crate) async fn with_organization(store: &Store) -> OrganizationId {
    let new = organization(&OrganizationId::random().to_string());
    let id = new.organization.id;
    store.insert_organization(new).await.unwrap();
    id
}

pub(crate) fn sandbox(organization: OrganizationId, name: &str) -> SandboxRecord {
    SandboxRecord {
        id: SandboxId::random(),
        organization,
        name: name.to_owned(),
        snapshot_name: "paddock-small".to_owned(),
        root: RootRef::BUILTIN,
        user: OsUser::try_from("daytona".to_owned()).unwrap(),
        env: [("A=B".replace('=', "_").try_into().unwrap(), "\u{1}\"quoted\"\n".to_owned())].into(),
        labels: BTreeMap::from([("team".to_owned(), "blue".to_owned())]),
        public: false,
        network_block_all: true,
        region: "local".to_owned(),
        auto_stop: AutoStop::DEFAULT,
        auto_pause: AutoPause::Disabled,
        auto_archive: AutoArchive::DEFAULT,
        auto_delete: AutoDelete::Never,
        auto_destroy_at: None,
        parent: None,
        created_at: BIRTH,
        last_activity_at: BIRTH,
        volumes: Vec::new(),
        image: ImageConfig::default(),
        build: None,
        scratch: Vec::new(),
        status: SandboxStatus::wished(
            Generation { epoch: 7, number: 1 },
            BuiltinSnapshot::Small.resources(),
            AuthToken("secret".to_owned()),
            BIRTH,
        ),
        version: 1,
        warm_pool: None,
        link: None,
    }
}

pub(crate) fn later(milliseconds: i64) -> Timestamp {
    Timestamp(BIRTH.0 + milliseconds)
}
