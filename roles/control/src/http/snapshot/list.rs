//! `GET /snapshots`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, ListSnapshots, PaginatedSnapshots};

use super::show;
use crate::app::{App, Error, snapshot};
use crate::auth::extract::Member;
use crate::http::read::QueryOf;

/// One page of the snapshots that the organization may use: its own and those of everybody.
#[utoipa::path(get, path = "/snapshots", operation_id = "getAllSnapshots", tag = "snapshots", params(ListSnapshots),
    responses((status = 200, body = PaginatedSnapshots), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn list_snapshots(
    State(app): State<App>,
    Member(caller): Member,
    QueryOf(query): QueryOf<ListSnapshots>,
) -> Result<Json<PaginatedSnapshots>, Error> {
    let found = snapshot::list(&app, caller.organization(), &query).await?;
    let items = found.items.into_iter().map(|record| show(&app, record)).collect();
    let total_pages = found.total.div_ceil(query.limit.into());
    Ok(Json(PaginatedSnapshots { items, total: found.total, page: query.page.into(), total_pages }))
}
