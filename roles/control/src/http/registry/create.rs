//! `POST /docker-registry`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use paddock_wire_control::{CreateDockerRegistry, DockerRegistry, ErrorBody};

use super::show;
use crate::app::{App, Error, registry};
use crate::auth::extract::May;
use crate::auth::rights::WriteRegistries;
use crate::http::read::JsonOf;

/// Keeps credentials for a registry. Nobody is asked whether they are right.
#[utoipa::path(post, path = "/docker-registry", operation_id = "createRegistry", tag = "docker-registry",
    request_body = CreateDockerRegistry,
    responses((status = 201, body = DockerRegistry), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn create_registry(
    State(app): State<App>,
    May { caller, .. }: May<WriteRegistries>,
    JsonOf(request): JsonOf<CreateDockerRegistry>,
) -> Result<(StatusCode, Json<DockerRegistry>), Error> {
    let made = registry::create(&app, caller.organization(), request).await?;
    Ok((StatusCode::CREATED, Json(show(made))))
}
