//! `GET /api-keys/current`

use axum::Json;
use paddock_wire_control::{ApiKeyList, ErrorBody};

use super::show;
use crate::auth::extract::Member;

/// The key with which the caller asks.
#[utoipa::path(get, path = "/api-keys/current", operation_id = "getCurrentApiKey", tag = "api-keys",
    responses((status = 200, body = ApiKeyList), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn get_current_api_key(Member(caller): Member) -> Json<ApiKeyList> {
    Json(show(caller.key))
}
