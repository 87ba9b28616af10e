//! `POST /internal/v1/usage`

use axum::Json;
use axum::extract::{Request, State};
use paddock_wire_control::internal::{AskUsage, Usage};

use super::read;
use crate::app::{App, Error};
use crate::auth::extract::not_found;

/// What a running sandbox uses, as its runner sees it from outside.
pub(crate) async fn usage(State(app): State<App>, request: Request) -> Result<Json<Usage>, Error> {
    let AskUsage { sandbox_id } = read(request).await?;
    let found = app.runner.usage(sandbox_id).await.map_err(|error| Error::Unavailable(error.into()))?;
    let used = found.ok_or_else(|| not_found(&sandbox_id.to_string()))?;
    Ok(Json(Usage {
        cpu_used: used.cpu_used,
        cpu_limit: used.cpu_limit,
        memory_used_bytes: used.memory_used_bytes,
        memory_cache_bytes: used.memory_cache_bytes,
        memory_limit_bytes: used.memory_limit_bytes,
        disk_used_bytes: used.disk_used_bytes,
        disk_limit_bytes: used.disk_limit_bytes,
    }))
}
