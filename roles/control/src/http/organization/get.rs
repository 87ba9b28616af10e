//! `GET /organizations/{organizationId}`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, Organization};

use super::show;
use crate::app::{App, Error, organization};
use crate::auth::extract::Member;
use crate::http::read::PathText;

/// One organization that the caller may act for.
#[utoipa::path(get, path = "/organizations/{organizationId}", operation_id = "getOrganization", tag = "organizations",
    params(("organizationId" = String, Path)),
    responses((status = 200, body = Organization), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn get_organization(
    State(app): State<App>,
    Member(caller): Member,
    PathText(id): PathText,
) -> Result<Json<Organization>, Error> {
    let record = organization::load(&app, caller.organization(), &id).await?;
    Ok(Json(show(&app, record)))
}
