//! `PATCH /docker-registry/{id}`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{DockerRegistry, ErrorBody, UpdateDockerRegistry};

use super::show;
use crate::app::{App, Error, registry};
use crate::auth::extract::May;
use crate::auth::rights::WriteRegistries;
use crate::http::read::{JsonOf, PathText};

/// Replaces what is on record. Without a password the old one stays, unless the host is another.
#[utoipa::path(patch, path = "/docker-registry/{id}", operation_id = "updateRegistry", tag = "docker-registry",
    params(("id" = String, Path)), request_body = UpdateDockerRegistry,
    responses((status = 200, body = DockerRegistry), (status = 404, body = ErrorBody), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn update_registry(
    State(app): State<App>,
    May { caller, .. }: May<WriteRegistries>,
    PathText(id): PathText,
    JsonOf(request): JsonOf<UpdateDockerRegistry>,
) -> Result<Json<DockerRegistry>, Error> {
    Ok(Json(show(registry::update(&app, caller.organization(), &id, request).await?)))
}
