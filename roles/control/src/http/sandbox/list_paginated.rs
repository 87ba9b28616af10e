//! `GET /sandbox/paginated`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, ListSandboxesPaginated, PaginatedSandboxes, SandboxFilters};

use super::show;
use crate::app::{App, Error, sandbox::list};
use crate::auth::extract::Member;
use crate::http::read::{Addresses, QueryOf};

/// One numbered page of the organization's sandboxes, for SDKs from 0.108 to 0.179.
#[utoipa::path(get, path = "/sandbox/paginated", operation_id = "listSandboxesPaginated_deprecated", tag = "sandbox",
    params(ListSandboxesPaginated, SandboxFilters),
    responses((status = 200, body = PaginatedSandboxes), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn list_sandboxes_paginated(
    State(app): State<App>,
    Member(caller): Member,
    Addresses(urls): Addresses,
    QueryOf(query): QueryOf<ListSandboxesPaginated>,
) -> Result<Json<PaginatedSandboxes>, Error> {
    let (page, limit) = (query.page.into(), u64::from(query.limit));
    let found = list::by_page(&app, caller.organization(), query).await?;
    let total = found.total.unwrap_or_default();
    let items = found.items.into_iter().map(|record| show(&app, record, &urls)).collect();
    Ok(Json(PaginatedSandboxes { items, total, page, total_pages: total.div_ceil(limit) }))
}
