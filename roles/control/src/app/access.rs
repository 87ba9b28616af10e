//! Whether a credential may use a sandbox: asked for every toolbox request and preview.

use paddock_store::KeyHash;
use paddock_store::sandbox::{Authorized, Presented};
use paddock_types::{SandboxId, SandboxRef, SandboxState};

use super::{App, Error};
use crate::auth::extract::not_found;
use crate::clock;

/// By an API key. A bad key is told before a missing sandbox; another organization's sandbox is missing.
pub(crate) async fn by_key(app: &App, sandbox: String, key: &str) -> Result<Authorized, Error> {
    let hash = KeyHash::of(key);
    let Ok(reference) = SandboxRef::try_from(sandbox.clone()) else {
        // Nothing can have this name; whether the key is good is still to be told first.
        let known = app.store.load_api_key(hash).await?;
        let is_good = known.is_some_and(|key| key.expires_at.is_none_or(|end| end > clock::now()));
        return Err(if is_good { not_found(&sandbox) } else { Error::Unauthenticated });
    };
    match app.store.authorize(hash, reference, clock::now()).await? {
        Presented::UnknownKey => Err(Error::Unauthenticated),
        Presented::UnknownSandbox => Err(not_found(&sandbox)),
        Presented::Owner(authorized) => Ok(authorized),
    }
}

/// By nothing at all: previews of a public sandbox. Whoever has no credential is not told whether a private
/// one exists.
pub(crate) async fn by_anybody(app: &App, sandbox: &str) -> Result<Authorized, Error> {
    let id: SandboxId = sandbox.parse().map_err(|_| Error::Unauthenticated)?;
    let found = app.store.load_sandbox(id).await?.ok_or(Error::Unauthenticated)?;
    if !found.public || found.status.state == SandboxState::Destroyed || found.warm_pool.is_some() {
        return Err(Error::Unauthenticated);
    }
    Ok(Authorized { sandbox: found.id, organization: found.organization, state: found.status.state })
}

/// By the sandbox's own token, which says nothing about sandboxes of other ids: whoever has no good
/// one is not told whether the sandbox exists.
pub(crate) async fn by_preview_token(app: &App, sandbox: &str, token: &str) -> Result<Authorized, Error> {
    let id: SandboxId = sandbox.parse().map_err(|_| Error::Unauthenticated)?;
    let found = app.store.load_sandbox(id).await?.ok_or(Error::Unauthenticated)?;
    let is_live = found.status.state != SandboxState::Destroyed && found.warm_pool.is_none();
    // Hashes are compared, so that the time says nothing about the token.
    let is_right = KeyHash::of(&found.status.auth_token.0) == KeyHash::of(token);
    if !is_live || !is_right {
        return Err(Error::Unauthenticated);
    }
    Ok(Authorized { sandbox: found.id, organization: found.organization, state: found.status.state })
}
