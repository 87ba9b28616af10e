//! `GET /shared-regions`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::Region;

use super::show;
use crate::app::App;
use crate::http::read::Addresses;

/// The regions of everybody. Public.
#[utoipa::path(get, path = "/shared-regions", operation_id = "listSharedRegions", tag = "regions", security(()),
    responses((status = 200, body = Vec<Region>)))]
pub(crate) async fn list_shared_regions(
    State(app): State<App>,
    Addresses(urls): Addresses,
) -> Json<Vec<Region>> {
    Json(vec![show(&app, &urls)])
}
