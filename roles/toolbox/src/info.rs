//! What the daemon says about itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use paddock_wire_toolbox::{DirResponse, VersionResponse};

use crate::VERSION;
use crate::http::ApiError;
use crate::toolbox::Shared;

/// `GET /version`, which is also the readiness probe.
pub(crate) async fn version() -> Json<VersionResponse> {
    Json(VersionResponse { version: VERSION.to_owned() })
}

/// `GET /work-dir`.
pub(crate) async fn work_dir(State(shared): State<Arc<Shared>>) -> Json<DirResponse> {
    Json(DirResponse { dir: shared.work_dir_text() })
}

/// `GET /user-home-dir`.
pub(crate) async fn user_home_dir(State(shared): State<Arc<Shared>>) -> Result<Json<DirResponse>, ApiError> {
    let home = shared.home_text().ok_or_else(|| ApiError::internal("the user has no home directory"))?;
    Ok(Json(DirResponse { dir: home }))
}

/// `GET /project-dir`: an old name that answers the **home** directory, as the reference does.
pub(crate) async fn project_dir(shared: State<Arc<Shared>>) -> Result<Json<DirResponse>, ApiError> {
    user_home_dir(shared).await
}
