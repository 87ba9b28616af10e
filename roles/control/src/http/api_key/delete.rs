//! `DELETE /api-keys/{name}`

use axum::extract::State;
use axum::http::StatusCode;
use paddock_wire_control::ErrorBody;

use crate::app::{App, Error, api_key};
use crate::auth::extract::May;
use crate::auth::rights::ManageApiKeys;
use crate::http::read::PathText;

/// Revokes one of the caller's own keys; it may be the one in use.
#[utoipa::path(delete, path = "/api-keys/{name}", operation_id = "deleteApiKey", tag = "api-keys",
    params(("name" = String, Path)),
    responses((status = 204), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn delete_api_key(
    State(app): State<App>,
    May { caller, .. }: May<ManageApiKeys>,
    PathText(name): PathText,
) -> Result<StatusCode, Error> {
    api_key::delete(&app, &caller, caller.user(), name).await?;
    Ok(StatusCode::NO_CONTENT)
}
