//! `DELETE /docker-registry/{id}`

use axum::extract::State;
use axum::http::StatusCode;
use paddock_wire_control::ErrorBody;

use crate::app::{App, Error, registry};
use crate::auth::extract::May;
use crate::auth::rights::DeleteRegistries;
use crate::http::read::PathText;

/// Forgets a registry and its credentials.
#[utoipa::path(delete, path = "/docker-registry/{id}", operation_id = "deleteRegistry", tag = "docker-registry",
    params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = ErrorBody), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn delete_registry(
    State(app): State<App>,
    May { caller, .. }: May<DeleteRegistries>,
    PathText(id): PathText,
) -> Result<StatusCode, Error> {
    registry::delete(&app, caller.organization(), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
