//! `GET /api-keys/{name}`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ApiKeyList, ErrorBody};

use super::show;
use crate::app::{App, Error, api_key};
use crate::auth::extract::May;
use crate::auth::rights::ManageApiKeys;
use crate::http::read::PathText;

/// One of the caller's own keys.
#[utoipa::path(get, path = "/api-keys/{name}", operation_id = "getApiKey", tag = "api-keys",
    params(("name" = String, Path)),
    responses((status = 200, body = ApiKeyList), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn get_api_key(
    State(app): State<App>,
    May { caller, .. }: May<ManageApiKeys>,
    PathText(name): PathText,
) -> Result<Json<ApiKeyList>, Error> {
    Ok(Json(show(api_key::load(&app, &caller, name).await?)))
}
