//! The one who asks.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use paddock_store::{ApiKeyRecord, KeyHash};
use paddock_types::{OrganizationId, Permission, UserId};

use crate::app::{App, Error};
use crate::clock;

/// The one who asks, as the presented key says. A foreign `X-Daytona-Organization-ID` beside a key is
/// ignored: the key alone says for which organization it acts.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The key.
    pub(crate) key: ApiKeyRecord,
}

impl Caller {
    /// Reads and checks the credential of a request.
    pub(crate) async fn authenticate(app: &App, headers: &HeaderMap) -> Result<Self, Error> {
        Self::present(app, bearer(headers).ok_or(Error::Unauthenticated)?).await
    }

    /// Checks a credential in clear, and counts as its use.
    pub(crate) async fn present(app: &App, token: &str) -> Result<Self, Error> {
        if is_jwt(token) {
            return Err(Error::Unauthenticated);
        }
        let caller = Self::load(app, KeyHash::of(token)).await?;
        app.activity.key_used(caller.key.id, clock::now());
        Ok(caller)
    }

    /// Checks whether a key is good now.
    pub(crate) async fn load(app: &App, hash: KeyHash) -> Result<Self, Error> {
        let key = app.store.load_api_key(hash).await?.ok_or(Error::Unauthenticated)?;
        if key.expires_at.is_some_and(|end| end <= clock::now()) {
            return Err(Error::Unauthenticated);
        }
        Ok(Self { key })
    }

    /// For whom the caller acts.
    pub(crate) fn organization(&self) -> OrganizationId {
        self.key.organization
    }

    /// Whose key it is.
    pub(crate) fn user(&self) -> UserId {
        self.key.user
    }

    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.key.permissions.contains(&permission)
    }

    /// Refuses a caller without the permission.
    pub(crate) fn require(&self, permission: Option<Permission>) -> Result<(), Error> {
        match permission {
            Some(permission) if !self.may(permission) => {
                Err(Error::Forbidden(format!("access denied: the API key lacks the permission {permission}")))
            }
            _ => Ok(()),
        }
    }
}

/// The token of an `Authorization: Bearer` header. Something shaped like a JWT is no key of ours.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !is_jwt(token)).then_some(token)
}

fn is_jwt(token: &str) -> bool {
    token.starts_with("eyJ") && token.matches('.').count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_token_is_a_credential() {
        let read = |text: &str| {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, text.parse().unwrap())]);
            bearer(&headers).map(ToOwned::to_owned)
        };
        assert_eq!(read("Bearer dtn_x"), Some("dtn_x".to_owned()));
        assert_eq!(read("bearer  dtn_x "), Some("dtn_x".to_owned()));
        for text in ["", "Bearer", "Bearer ", "Basic dtn_x", "dtn_x", "Bearer eyJh.eyJb.c"] {
            assert_eq!(read(text), None, "{text:?}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
