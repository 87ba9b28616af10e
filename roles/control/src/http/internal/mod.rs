//! What the other roles of the front ask. Every toolbox request asks for authorization, so that path
//! reads one row and nothing else.

pub(super) mod activity;
pub(super) mod authorize;
pub(super) mod usage;

use axum::extract::Request;
use serde::de::DeserializeOwned;

use super::read::read_body;
use crate::app::Error;

/// A request of another role: it is ours, so the plain deserializer will do.
async fn read<T: DeserializeOwned>(request: Request) -> Result<T, Error> {
    let body = read_body(request).await?;
    serde_json::from_slice(&body)
        .map_err(|error| Error::Invalid(format!("not a request of this protocol: {error}")))
}
