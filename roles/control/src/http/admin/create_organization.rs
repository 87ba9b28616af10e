//! `POST /admin/organizations`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use paddock_wire_control::{CreatedKey, CreatedOrganization, ErrorBody, NewOrganization};

use crate::app::{App, Error, organization};
use crate::auth::extract::Administrator;
use crate::http::organization::show;
use crate::http::read::JsonOf;

/// Makes an organization with an owner and the owner's API key, which is shown only here. Ours: the
/// reference's operation of this path makes an organization for a user who is there already.
#[utoipa::path(post, path = "/admin/organizations", operation_id = "adminCreateOrganization", tag = "admin",
    request_body = NewOrganization,
    responses((status = 201, body = CreatedOrganization), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn create_organization(
    State(app): State<App>,
    _: Administrator,
    JsonOf(request): JsonOf<NewOrganization>,
) -> Result<(StatusCode, Json<CreatedOrganization>), Error> {
    let (record, key) = organization::create(&app, &request.name).await?;
    let answer = CreatedOrganization {
        organization: show(&app, record),
        api_key: CreatedKey { name: organization::OWNERS_KEY.to_owned(), value: key.reveal().to_owned() },
    };
    Ok((StatusCode::CREATED, Json(answer)))
}
