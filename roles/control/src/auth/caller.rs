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
        let token = bearer(headers).ok_or(Error::Unauthenticated)?;
        let key = app.store.load_api_key(KeyHash::of(token)).await?.ok_or(Error::Unauthenticated)?;
        let now = clock::now();
        if key.expires_at.is_some_and(|end| end <= now) {
            return Err(Error::Unauthenticated);
        }
        app.activity.key_used(key.id, now);
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
    let is_jwt = token.starts_with("eyJ") && token.matches('.').count() == 2;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !is_jwt).then_some(token)
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
