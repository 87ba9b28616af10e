//! `GET /sandbox/{sandboxId}/toolbox-proxy-url`

use axum::Json;
use paddock_wire_control::{ErrorBody, ToolboxProxyUrl};

use crate::auth::extract::SandboxOf;
use crate::auth::rights::Read;
use crate::http::read::Addresses;

/// Where the toolbox of a sandbox is, without the sandbox's id.
#[utoipa::path(get, path = "/sandbox/{sandboxId}/toolbox-proxy-url", operation_id = "getToolboxProxyUrl", tag = "sandbox",
    params(("sandboxId" = String, Path)),
    responses((status = 200, body = ToolboxProxyUrl), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn get_toolbox_proxy_url(
    _: SandboxOf<Read>,
    Addresses(urls): Addresses,
) -> Json<ToolboxProxyUrl> {
    Json(ToolboxProxyUrl { url: urls.toolbox() })
}
