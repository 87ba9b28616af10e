//! `POST /volumes`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{CreateVolume, ErrorBody, VolumeDto};

use super::show;
use crate::app::{App, Error, volume};
use crate::auth::extract::May;
use crate::auth::rights::WriteVolumes;
use crate::http::read::JsonOf;

/// Makes a volume. It can be mounted as soon as it is `ready`; the answer does not wait for that.
#[utoipa::path(post, path = "/volumes", operation_id = "createVolume", tag = "volumes",
    request_body = CreateVolume,
    responses((status = 200, body = VolumeDto), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn create_volume(
    State(app): State<App>,
    May { caller, .. }: May<WriteVolumes>,
    JsonOf(request): JsonOf<CreateVolume>,
) -> Result<Json<VolumeDto>, Error> {
    Ok(Json(show(volume::create(&app, caller.organization(), request).await?)))
}
