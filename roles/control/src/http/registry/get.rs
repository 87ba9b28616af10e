//! `GET /docker-registry/{id}`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{DockerRegistry, ErrorBody};

use super::show;
use crate::app::{App, Error, registry};
use crate::auth::extract::May;
use crate::auth::rights::Read;
use crate::http::read::PathText;

/// One registry.
#[utoipa::path(get, path = "/docker-registry/{id}", operation_id = "getRegistry", tag = "docker-registry",
    params(("id" = String, Path)),
    responses((status = 200, body = DockerRegistry), (status = 404, body = ErrorBody), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn get_registry(
    State(app): State<App>,
    May { caller, .. }: May<Read>,
    PathText(id): PathText,
) -> Result<Json<DockerRegistry>, Error> {
    Ok(Json(show(registry::get(&app, caller.organization(), &id).await?)))
}
