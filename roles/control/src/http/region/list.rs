//! `GET /regions`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, Region};

use super::show;
use crate::app::App;
use crate::auth::extract::Member;
use crate::http::read::Addresses;

/// The regions that the organization may use.
#[utoipa::path(get, path = "/regions", operation_id = "listAvailableRegions", tag = "regions",
    responses((status = 200, body = Vec<Region>), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn list_available_regions(
    State(app): State<App>,
    Member(_): Member,
    Addresses(urls): Addresses,
) -> Json<Vec<Region>> {
    Json(vec![show(&app, &urls)])
}
