//! `GET /api-keys`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ApiKeyList, ErrorBody};

use super::show;
use crate::app::{App, Error, api_key};
use crate::auth::extract::May;
use crate::auth::rights::ManageApiKeys;

/// The API keys that the caller may see, oldest first.
#[utoipa::path(get, path = "/api-keys", operation_id = "listApiKeys", tag = "api-keys",
    responses((status = 200, body = Vec<ApiKeyList>), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn list_api_keys(
    State(app): State<App>,
    May { caller, .. }: May<ManageApiKeys>,
) -> Result<Json<Vec<ApiKeyList>>, Error> {
    Ok(Json(api_key::list(&app, &caller).await?.into_iter().map(show).collect()))
}
