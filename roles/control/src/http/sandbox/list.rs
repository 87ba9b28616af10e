//! `GET /sandbox`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, ListSandboxes, ListSandboxesResponse, SandboxFilters};

use super::summarize;
use crate::app::{App, Error, sandbox::list};
use crate::auth::extract::Member;
use crate::http::read::{Addresses, QueryOf};

/// One page of the organization's sandboxes. Uses are up to ten seconds old here.
#[utoipa::path(get, path = "/sandbox", operation_id = "listSandboxes", tag = "sandbox",
    params(ListSandboxes, SandboxFilters),
    responses((status = 200, body = ListSandboxesResponse), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn list_sandboxes(
    State(app): State<App>,
    Member(caller): Member,
    Addresses(urls): Addresses,
    QueryOf(query): QueryOf<ListSandboxes>,
) -> Result<Json<ListSandboxesResponse>, Error> {
    let (page, next_cursor) = list::by_cursor(&app, caller.organization(), query).await?;
    let items = page.items.into_iter().map(|record| summarize(record, &urls)).collect();
    Ok(Json(ListSandboxesResponse { items, next_cursor }))
}
