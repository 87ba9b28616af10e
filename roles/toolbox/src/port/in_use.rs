//! `GET /port/{port}/in-use`: whether something listens there.

use std::net::Ipv4Addr;
use std::time::Duration;

use axum::Json;
use axum::extract::Path;
use paddock_wire_toolbox::IsPortInUseResponse;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::listeners::listeners;
use crate::http::{ApiError, blocking};

/// The reference answers for these only.
const PORTS: std::ops::RangeInclusive<u16> = 3000..=9999;
/// How long a connection may take that finds out what the kernel's tables do not tell.
const PATIENCE: Duration = Duration::from_millis(50);

pub(crate) async fn in_use(Path(port): Path<String>) -> Result<Json<IsPortInUseResponse>, ApiError> {
    let port = port.parse().ok().filter(|port| PORTS.contains(port));
    let port = port.ok_or_else(|| {
        ApiError::bad_request(format!("port must be a number from {} to {}", PORTS.start(), PORTS.end()))
    })?;
    let is_listed = blocking(move || Ok(listeners().ok().map(|all| all.contains_key(&port)))).await?;
    let is_in_use = match is_listed {
        Some(is_listed) => is_listed,
        None => {
            let attempt = timeout(PATIENCE, TcpStream::connect((Ipv4Addr::LOCALHOST, port))).await;
            attempt.is_ok_and(|connected| connected.is_ok())
        }
    };
    Ok(Json(IsPortInUseResponse { is_in_use }))
}
