//! `GET /sandbox/{sandboxIdOrName}/ports/{port}/preview-url`

use axum::Json;
use paddock_wire_control::{ErrorBody, PortPreviewUrl};

use crate::auth::extract::SandboxOf;
use crate::auth::rights::Read;
use crate::http::read::{Addresses, PathPort};

/// Where a port of a sandbox is to be seen, with the token that opens it.
#[utoipa::path(get, path = "/sandbox/{sandboxIdOrName}/ports/{port}/preview-url", operation_id = "getPortPreviewUrl", tag = "sandbox",
    params(("sandboxIdOrName" = String, Path), ("port" = f64, Path)),
    responses((status = 200, body = PortPreviewUrl), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn get_port_preview_url(
    SandboxOf { sandbox, .. }: SandboxOf<Read>,
    PathPort(port): PathPort,
    Addresses(urls): Addresses,
) -> Json<PortPreviewUrl> {
    Json(PortPreviewUrl {
        sandbox_id: sandbox.id.to_string(),
        url: urls.preview(sandbox.id, port),
        token: sandbox.status.auth_token.0,
    })
}
