//! `GET /health/ready`

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use paddock_wire_control::{ErrorBody, HealthReport, ServiceHealth};

use crate::app::App;
use crate::auth::extract::Member;

/// Whether the store answers and the runner is there. With any API key.
#[utoipa::path(get, path = "/health/ready", operation_id = "HealthController_check", tag = "health",
    responses((status = 200, body = HealthReport), (status = 503, body = HealthReport), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn ready(State(app): State<App>, Member(_): Member) -> (StatusCode, Json<HealthReport>) {
    let store = app.store.epoch().await.map(drop).map_err(|error| error.to_string());
    let runner = app.mirror.runner().map(drop).ok_or_else(|| "the runner is not connected".to_owned());
    let mut report = HealthReport {
        status: "ok".to_owned(),
        info: BTreeMap::new(),
        error: BTreeMap::new(),
        details: BTreeMap::new(),
    };
    for (name, outcome) in [("database", store), ("runner", runner)] {
        let (health, list) = match outcome {
            Ok(()) => (ServiceHealth { status: "up".to_owned(), message: None }, &mut report.info),
            Err(why) => (ServiceHealth { status: "down".to_owned(), message: Some(why) }, &mut report.error),
        };
        list.insert(name.to_owned(), health.clone());
        report.details.insert(name.to_owned(), health);
    }
    if report.error.is_empty() {
        return (StatusCode::OK, Json(report));
    }
    report.status = "error".to_owned();
    (StatusCode::SERVICE_UNAVAILABLE, Json(report))
}
