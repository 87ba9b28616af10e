//! `POST /process/pty`: a new terminal, to be connected to later.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use paddock_wire_toolbox::{PtyCreateRequest, PtyCreateResponse};

use super::options::Options;
use crate::http::{ApiError, Json};
use crate::toolbox::Shared;

pub(crate) async fn create(
    State(shared): State<Arc<Shared>>,
    Json(request): Json<PtyCreateRequest>,
) -> Result<(StatusCode, axum::Json<PtyCreateResponse>), ApiError> {
    let options = Options::of_request(request, &shared)?;
    let is_lazy = options.is_lazy;
    let session_id = options.id.clone();
    let session = shared.terminals.create(options)?;
    if !is_lazy {
        // In a task of its own: a client that goes away must not leave an id half taken.
        let started = tokio::spawn(async move {
            session.start(&shared).await.inspect_err(|_| shared.terminals.remove(&session))
        });
        let started =
            started.await.map_err(|_| ApiError::internal("a defect in the toolbox, see its log"))?;
        started.map_err(|error| ApiError::internal(format!("could not start the terminal: {error}")))?;
    }
    Ok((StatusCode::CREATED, axum::Json(PtyCreateResponse { session_id })))
}
