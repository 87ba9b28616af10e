//! API keys: making, finding, revoking.

use paddock_store::{ApiKeyRecord, Role};
use paddock_types::{ApiKeyId, UserId};
use paddock_wire_control::CreateApiKey;

use super::{App, Error};
use crate::auth::Caller;
use crate::auth::secret::ApiKeySecret;
use crate::clock;

/// Makes a key. Its maker can only give what the calling key itself may do, and never the
/// administrator's part.
pub(crate) async fn create(
    app: &App,
    caller: &Caller,
    request: CreateApiKey,
) -> Result<(ApiKeyRecord, ApiKeySecret), Error> {
    let now = clock::now();
    if let Some(missing) = request.permissions.iter().find(|permission| !caller.may(**permission)) {
        return Err(Error::Forbidden(format!(
            "access denied: you cannot grant {missing}, which you do not have"
        )));
    }
    if request.expires_at.is_some_and(|end| end <= now) {
        return Err(Error::Invalid("expiresAt must be in the future".to_owned()));
    }
    let secret = ApiKeySecret::generate();
    let record = ApiKeyRecord {
        id: ApiKeyId::random(),
        organization: caller.organization(),
        user: caller.user(),
        name: request.name,
        hash: secret.hash(),
        masked: secret.masked(),
        permissions: request.permissions,
        administrator: false,
        created_at: now,
        expires_at: request.expires_at,
        last_used_at: None,
    };
    if !app.store.insert_api_key(record.clone()).await? {
        return Err(Error::Conflict("an API key with this name already exists".to_owned()));
    }
    Ok((record, secret))
}

/// The keys that the caller may see: an owner all of the organization's, a member the own ones. Oldest first.
pub(crate) async fn list(app: &App, caller: &Caller) -> Result<Vec<ApiKeyRecord>, Error> {
    let role = app.store.load_role(caller.organization(), caller.user()).await?;
    let user = match role {
        Some(Role::Owner) => None,
        Some(Role::Member) | None => Some(caller.user()),
    };
    Ok(app.store.list_api_keys(caller.organization(), user).await?)
}

/// One of the caller's own keys by name.
pub(crate) async fn load(app: &App, caller: &Caller, name: String) -> Result<ApiKeyRecord, Error> {
    let found = app.store.load_api_key_by_name(caller.organization(), caller.user(), name).await?;
    found.ok_or_else(not_found)
}

/// Revokes a key: the next request with it is refused, and its event streams end. Somebody else's only by an owner.
pub(crate) async fn delete(app: &App, caller: &Caller, user: UserId, name: String) -> Result<(), Error> {
    if user != caller.user() {
        let role = app.store.load_role(caller.organization(), caller.user()).await?;
        if role != Some(Role::Owner) {
            return Err(not_found());
        }
    }
    let is_gone = app.store.delete_api_key(caller.organization(), user, name).await?;
    if !is_gone {
        return Err(not_found());
    }
    app.events.keys_changed(caller.organization());
    Ok(())
}

pub(crate) fn not_found() -> Error {
    Error::NotFound("API key not found".to_owned())
}
