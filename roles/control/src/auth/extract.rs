//! What a handler can ask for in its signature. Each of these answers for the refusal too.

use std::marker::PhantomData;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use paddock_store::SandboxRecord;
use paddock_types::SandboxRef;

use super::Caller;
use super::rights::Right;
use crate::app::{App, Error};

/// Anybody with a good key.
#[derive(Debug)]
pub(crate) struct Member(pub(crate) Caller);

/// Anybody with a good key that has the right `R`.
#[derive(Debug)]
pub(crate) struct May<R> {
    pub(crate) caller: Caller,
    right: PhantomData<R>,
}

/// The system's administrator: not a user but a key, so that other keys of the same user are not.
#[derive(Debug)]
pub(crate) struct Administrator;

/// A sandbox named by the first parameter of the path, on which the caller has the right `R`. What is
/// not there, or another organization's, is answered before a missing permission.
#[derive(Debug)]
pub(crate) struct SandboxOf<R> {
    pub(crate) sandbox: SandboxRecord,
    right: PhantomData<R>,
}

impl FromRequestParts<App> for Member {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        Ok(Self(Caller::authenticate(app, &parts.headers).await?))
    }
}

impl<R: Right> FromRequestParts<App> for May<R> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let caller = Caller::authenticate(app, &parts.headers).await?;
        caller.require(R::PERMISSION)?;
        Ok(Self { caller, right: PhantomData })
    }
}

impl FromRequestParts<App> for Administrator {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let caller = Caller::authenticate(app, &parts.headers).await?;
        if !caller.key.administrator {
            return Err(Error::Forbidden(
                "access denied: only the system's administrator may do this".to_owned(),
            ));
        }
        Ok(Self)
    }
}

impl<R: Right> FromRequestParts<App> for SandboxOf<R> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let caller = Caller::authenticate(app, &parts.headers).await?;
        let text = first_path_parameter(parts, app).await.ok_or_else(|| not_found(""))?;
        let reference = SandboxRef::try_from(text.clone()).map_err(|_| not_found(&text))?;
        let found = app.store.find_sandbox(caller.organization(), reference).await?;
        let sandbox = found.ok_or_else(|| not_found(&text))?;
        caller.require(R::PERMISSION)?;
        Ok(Self { sandbox, right: PhantomData })
    }
}

/// The first parameter of the path, decoded; `None` when it is not text.
pub(crate) async fn first_path_parameter(parts: &mut Parts, app: &App) -> Option<String> {
    let parameters = RawPathParams::from_request_parts(parts, app).await.ok()?;
    parameters.iter().next().map(|(_, value)| value.to_owned())
}

/// The error for a sandbox that is not there for this caller.
pub(crate) fn not_found(reference: &str) -> Error {
    let shown: String = reference.chars().filter(|c| !c.is_control()).take(80).collect();
    Error::NotFound(format!("sandbox {shown:?} not found"))
}
