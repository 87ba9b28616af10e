//! `GET /health`

use axum::Json;
use paddock_wire_control::Health;

/// The process answers. Public.
#[utoipa::path(get, path = "/health", operation_id = "HealthController_live", tag = "health", security(()),
    responses((status = 200, body = Health)))]
pub(crate) async fn live() -> Json<Health> {
    Json(Health { status: "ok".to_owned() })
}
