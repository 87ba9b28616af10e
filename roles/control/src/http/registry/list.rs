//! `GET /docker-registry`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{DockerRegistry, ErrorBody};

use super::show;
use crate::app::{App, Error};
use crate::auth::extract::May;
use crate::auth::rights::Read;

/// The organization's registries, the newest first.
#[utoipa::path(get, path = "/docker-registry", operation_id = "listRegistries", tag = "docker-registry",
    responses((status = 200, body = Vec<DockerRegistry>), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn list_registries(
    State(app): State<App>,
    May { caller, .. }: May<Read>,
) -> Result<Json<Vec<DockerRegistry>>, Error> {
    let found = app.store.list_registries(caller.organization()).await?;
    Ok(Json(found.into_iter().map(show).collect()))
}
