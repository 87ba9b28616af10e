//! Reading the body, the query and the path of a request, with every refusal in the API's own form.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use paddock_wire_control::{
    BuildLogs, CreateApiKey, CreateDockerRegistry, CreateSandbox, CreateSandboxSnapshot, CreateSnapshot,
    CreateVolume, CreateWarmPool, Fields, ForkSandbox, Invalid, ListSandboxes, ListSandboxesPaginated,
    ListSnapshots, ListVolumes, NewOrganization, Query, ResizeSandbox, SandboxLabels, UpdateDockerRegistry,
    UpdateLastActivity, UpdateWarmPool,
};
use tokio::time::timeout;

use crate::app::{App, Error};
use crate::auth::extract::first_path_parameter;
use crate::urls::Urls;

/// The longest body. Ours; the largest real one is an environment.
pub(super) const LONGEST_BODY: usize = 1 << 20;
/// How long a body may take to arrive. Ours.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// A request body that is read field by field.
pub(super) trait FromFields: Sized {
    fn from_fields(fields: Fields) -> Result<Self, Invalid>;
}

/// A query that is read value by value.
pub(super) trait FromQuery: Sized {
    fn from_query(query: Query) -> Result<Self, Invalid>;
}

macro_rules! read_with {
    ($trait:ident, $method:ident, $source:ident: $($type:ty),*) => {
        $(impl $trait for $type {
            fn $method(source: $source) -> Result<Self, Invalid> {
                Self::read(source)
            }
        })*
    };
}
read_with!(FromFields, from_fields, Fields: CreateSandbox, CreateSnapshot, CreateSandboxSnapshot, ForkSandbox, ResizeSandbox, SandboxLabels, UpdateLastActivity, CreateApiKey, NewOrganization, CreateVolume, CreateWarmPool, UpdateWarmPool, CreateDockerRegistry, UpdateDockerRegistry);
read_with!(FromQuery, from_query, Query: BuildLogs, ListSandboxes, ListSandboxesPaginated, ListSnapshots, ListVolumes);

/// The JSON object of a request. The content type is not looked at: every client means JSON.
pub(super) struct JsonOf<T>(pub(super) T);

/// The query of a request.
pub(super) struct QueryOf<T>(pub(super) T);

/// The first parameter of the path, decoded.
pub(super) struct PathText(pub(super) String);

/// The last parameter of the path, a whole number of minutes, perhaps negative.
#[derive(Debug)]
pub(crate) struct PathMinutes(pub(crate) i64);

/// The last parameter of the path, `true` or `false`.
#[derive(Debug)]
pub(crate) struct PathFlag(pub(crate) bool);

/// The parameter `port` of the path: 1 to 65535 in plain decimal digits.
pub(super) struct PathPort(pub(super) u16);

/// The addresses as this caller should see them.
pub(super) struct Addresses(pub(super) Urls);

impl<T: FromFields> FromRequest<App> for JsonOf<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &App) -> Result<Self, Error> {
        let body = read_body(request).await?;
        Ok(Self(T::from_fields(Fields::parse(&body)?)?))
    }
}

impl<T: FromQuery> FromRequestParts<App> for QueryOf<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Error> {
        Ok(Self(T::from_query(Query::parse(parts.uri.query()))?))
    }
}

impl FromRequestParts<App> for PathText {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let text = first_path_parameter(parts, app).await;
        // Nothing can have a name that is not text.
        text.filter(|text| !text.contains('\0'))
            .map(Self)
            .ok_or_else(|| Error::NotFound("not found".to_owned()))
    }
}

impl FromRequestParts<App> for PathPort {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let parameters = RawPathParams::from_request_parts(parts, app).await.ok();
        let text = parameters.iter().flatten().find_map(|(name, value)| (name == "port").then_some(value));
        let port = text.and_then(paddock_types::parse_port);
        port.map(Self).ok_or_else(|| Error::Invalid("port must be a whole number from 1 to 65535".to_owned()))
    }
}

impl FromRequestParts<App> for PathMinutes {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let (name, text) = last_path_parameter(parts, app).await;
        // Some clients write every number with a fraction.
        let whole = text.strip_suffix(".0").unwrap_or(&text);
        let minutes = whole.parse().ok().filter(|_| !whole.starts_with('+'));
        minutes.map(Self).ok_or_else(|| Error::Invalid(format!("{name} must be a whole number of minutes")))
    }
}

impl FromRequestParts<App> for PathFlag {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let (name, text) = last_path_parameter(parts, app).await;
        match text.as_str() {
            "true" => Ok(Self(true)),
            "false" => Ok(Self(false)),
            _ => Err(Error::Invalid(format!("{name} must be true or false"))),
        }
    }
}

/// The name and the decoded text of the path's last parameter.
async fn last_path_parameter(parts: &mut Parts, app: &App) -> (String, String) {
    let parameters = RawPathParams::from_request_parts(parts, app).await.ok();
    let last = parameters.as_ref().and_then(|parameters| parameters.iter().last());
    last.map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap_or_default()
}

impl FromRequestParts<App> for Addresses {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self(Urls::of(&app.config, parts)))
    }
}

/// The whole body, within its bounds of length and time.
pub(super) async fn read_body(request: Request) -> Result<bytes::Bytes, Error> {
    let body = Limited::new(request.into_body(), LONGEST_BODY);
    match timeout(BODY_TIMEOUT, body.collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Error::TooLarge),
        Ok(Err(_)) => Err(Error::Invalid("the request body broke off".to_owned())),
        Err(_) => Err(Error::Slow),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, Bytes};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_comes_is_given_up() {
        let never = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
        let outcome = read_body(Request::new(Body::from_stream(never))).await;
        assert!(matches!(outcome, Err(Error::Slow)), "{outcome:?}");
    }
}
