//! `GET /regions/{id}`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, Region};

use super::show;
use crate::app::{App, Error};
use crate::auth::extract::Member;
use crate::http::read::{Addresses, PathText};

/// One region.
#[utoipa::path(get, path = "/regions/{id}", operation_id = "getRegionById", tag = "regions",
    params(("id" = String, Path)),
    responses((status = 200, body = Region), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn get_region_by_id(
    State(app): State<App>,
    Member(_): Member,
    Addresses(urls): Addresses,
    PathText(id): PathText,
) -> Result<Json<Region>, Error> {
    if id != app.config.region {
        return Err(Error::NotFound("region not found".to_owned()));
    }
    Ok(Json(show(&app, &urls)))
}
