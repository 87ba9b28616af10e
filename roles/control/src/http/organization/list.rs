//! `GET /organizations`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, Organization};

use super::show;
use crate::app::{App, Error, organization};
use crate::auth::extract::Member;

/// The organizations that the caller may act for: with an API key, the key's own.
#[utoipa::path(get, path = "/organizations", operation_id = "listOrganizations", tag = "organizations",
    responses((status = 200, body = Vec<Organization>), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn list_organizations(
    State(app): State<App>,
    Member(caller): Member,
) -> Result<Json<Vec<Organization>>, Error> {
    let own = caller.organization();
    let record = organization::load(&app, own, &own.to_string()).await?;
    Ok(Json(vec![show(&app, record)]))
}
