//! `POST /api-keys`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use paddock_wire_control::{ApiKeyResponse, CreateApiKey, ErrorBody, WireTime};

use crate::app::{App, Error, api_key};
use crate::auth::extract::May;
use crate::auth::rights::ManageApiKeys;
use crate::http::read::JsonOf;

/// Makes an API key, which is shown only here.
#[utoipa::path(post, path = "/api-keys", operation_id = "createApiKey", tag = "api-keys", request_body = CreateApiKey,
    responses((status = 201, body = ApiKeyResponse), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn create_api_key(
    State(app): State<App>,
    May { caller, .. }: May<ManageApiKeys>,
    JsonOf(request): JsonOf<CreateApiKey>,
) -> Result<(StatusCode, Json<ApiKeyResponse>), Error> {
    let (record, secret) = api_key::create(&app, &caller, request).await?;
    let answer = ApiKeyResponse {
        name: record.name,
        value: secret.reveal().to_owned(),
        permissions: record.permissions,
        created_at: WireTime(record.created_at),
        expires_at: record.expires_at.map(WireTime),
    };
    Ok((StatusCode::CREATED, Json(answer)))
}
