//! `PUT /sandbox/{sandboxIdOrName}/labels`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, SandboxLabels};

use crate::app::{App, Error, sandbox};
use crate::auth::extract::SandboxOf;
use crate::auth::rights::WriteSandboxes;
use crate::http::read::JsonOf;

/// Replaces all labels of a sandbox.
#[utoipa::path(put, path = "/sandbox/{sandboxIdOrName}/labels", operation_id = "replaceLabels", tag = "sandbox",
    params(("sandboxIdOrName" = String, Path)), request_body = SandboxLabels,
    responses((status = 200, body = SandboxLabels), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn replace_labels(
    State(app): State<App>,
    SandboxOf { sandbox, .. }: SandboxOf<WriteSandboxes>,
    JsonOf(request): JsonOf<SandboxLabels>,
) -> Result<Json<SandboxLabels>, Error> {
    let record = sandbox::replace_labels(&app, sandbox.id, request.labels).await?;
    Ok(Json(SandboxLabels { labels: record.labels }))
}
