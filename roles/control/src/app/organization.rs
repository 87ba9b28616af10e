//! Organizations: the first one, and further ones for the administrator.

use paddock_store::{ApiKeyRecord, NewOrganization, OrganizationRecord, StoreError, UserRecord};
use paddock_types::{ApiKeyId, OrganizationId, Permission, UserId};

use super::{App, Error};
use crate::auth::secret::ApiKeySecret;
use crate::clock;

/// The name of the key that an organization's owner gets with it.
pub(crate) const OWNERS_KEY: &str = "default";

/// Who owns an organization, and what the owner's key may do beyond it.
enum Owner {
    Administrator,
    User,
}

/// Makes the administrator with the personal organization, once in the life of a store. Gives back
/// whether it was made now.
pub(crate) async fn bootstrap(app: &App, key: &ApiKeySecret) -> Result<bool, StoreError> {
    let new = new_organization("Personal", &Owner::Administrator, key);
    let organization = new.organization.id;
    let is_made = app.store.insert_first_organization(new).await?;
    if is_made {
        tracing::info!(organization.id = %organization, "first start: made the administrator's organization");
    }
    Ok(is_made)
}

/// Makes an organization with an owner of its own. Gives back it and the owner's key.
pub(crate) async fn create(app: &App, name: &str) -> Result<(OrganizationRecord, ApiKeySecret), Error> {
    let key = ApiKeySecret::generate();
    let new = new_organization(name, &Owner::User, &key);
    let organization = new.organization.clone();
    app.store.insert_organization(new).await?;
    tracing::info!(organization.id = %organization.id, "made an organization");
    Ok((organization, key))
}

/// One organization by its id as text. Others than the caller's own are not there.
pub(crate) async fn load(app: &App, own: OrganizationId, text: &str) -> Result<OrganizationRecord, Error> {
    let not_found = || Error::NotFound("organization not found".to_owned());
    let id: OrganizationId = text.parse().map_err(|_| not_found())?;
    if id != own {
        return Err(not_found());
    }
    app.store.load_organization(id).await?.ok_or_else(not_found)
}

fn new_organization(name: &str, owner: &Owner, key: &ApiKeySecret) -> NewOrganization {
    let (organization, user, now) = (OrganizationId::random(), UserId::random(), clock::now());
    let (user_name, personal, administrator) = match owner {
        Owner::Administrator => ("Administrator".to_owned(), true, true),
        Owner::User => (format!("Owner of {name}"), false, false),
    };
    NewOrganization {
        organization: OrganizationRecord {
            id: organization,
            name: name.to_owned(),
            created_by: user,
            personal,
            created_at: now,
            updated_at: now,
        },
        owner: UserRecord { id: user, name: user_name, email: format!("{user}@localhost"), created_at: now },
        key: ApiKeyRecord {
            id: ApiKeyId::random(),
            organization,
            user,
            name: OWNERS_KEY.to_owned(),
            hash: key.hash(),
            masked: key.masked(),
            permissions: Permission::ALL.to_vec(),
            administrator,
            created_at: now,
            expires_at: None,
            last_used_at: None,
        },
    }
}
