//! `DELETE /api-keys/{userId}/{name}`

use axum::extract::{RawPathParams, State};
use axum::http::StatusCode;
use paddock_wire_control::ErrorBody;

use crate::app::{App, Error, api_key};
use crate::auth::extract::May;
use crate::auth::rights::ManageApiKeys;

/// Revokes a key of any user of the organization; for its owners.
#[utoipa::path(delete, path = "/api-keys/{userId}/{name}", operation_id = "deleteApiKeyForUser", tag = "api-keys",
    params(("userId" = String, Path), ("name" = String, Path)),
    responses((status = 204), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn delete_api_key_for_user(
    State(app): State<App>,
    May { caller, .. }: May<ManageApiKeys>,
    parameters: Result<RawPathParams, axum::extract::rejection::RawPathParamsRejection>,
) -> Result<StatusCode, Error> {
    let parameters = parameters.map_err(|_| api_key::not_found())?;
    let mut texts = parameters.iter().map(|(_, text)| text);
    let (Some(user), Some(name)) = (texts.next(), texts.next()) else { return Err(api_key::not_found()) };
    let user = user.parse().map_err(|_| api_key::not_found())?;
    if name.contains('\0') {
        return Err(api_key::not_found());
    }
    api_key::delete(&app, &caller, user, name.to_owned()).await?;
    Ok(StatusCode::NO_CONTENT)
}
