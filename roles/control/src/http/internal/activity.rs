//! `POST /internal/v1/activity`

use axum::extract::{Request, State};
use axum::http::StatusCode;
use paddock_wire_control::internal::Activity;

use super::read;
use crate::app::{App, Error, sandbox};

/// Notes that sandboxes were used just now.
pub(crate) async fn activity(State(app): State<App>, request: Request) -> Result<StatusCode, Error> {
    let Activity { sandbox_ids } = read(request).await?;
    for id in sandbox_ids {
        sandbox::touch(&app, id);
    }
    Ok(StatusCode::NO_CONTENT)
}
