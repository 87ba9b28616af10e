//! `GET /port`: the ports that something listens on.

use axum::Json;
use paddock_wire_toolbox::PortList;

use super::listeners::listeners;
use crate::http::{ApiError, blocking};

pub(crate) async fn list() -> Result<Json<PortList>, ApiError> {
    blocking(|| match listeners() {
        Ok(found) => Ok(Json(PortList { ports: found.into_keys().collect() })),
        Err(error) => Err(ApiError::internal(format!("the table of sockets: {error}"))),
    })
    .await
}
