//! `GET /git/history?path`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use paddock_wire_toolbox::{GitOperation, GitPath};

use super::call::call;
use super::resolve;
use crate::http::{ApiError, Client, Query};
use crate::toolbox::Shared;

pub(crate) async fn history(
    State(shared): State<Arc<Shared>>,
    client: Client,
    query: Query,
) -> Result<Response, ApiError> {
    let mut path = query.required("path")?.to_owned();
    resolve(&shared, &mut path)?;
    call(&shared, StatusCode::OK, GitOperation::History(GitPath { path }), client.refuses_new_fields()).await
}
