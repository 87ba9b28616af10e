//! `GET /process/interpreter/context`: all contexts but the default one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use paddock_wire_toolbox::ListContextsResponse;

use crate::toolbox::Shared;

pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Json<ListContextsResponse> {
    Json(ListContextsResponse { contexts: shared.interpreter.describe() })
}
