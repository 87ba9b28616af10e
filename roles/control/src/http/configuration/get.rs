//! `GET /config`

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use paddock_types::AutoArchive;
use paddock_wire_control::{DaytonaConfiguration, OidcConfig};

use crate::app::App;
use crate::http::read::Addresses;

/// The installation's configuration. Public.
#[utoipa::path(get, path = "/config", operation_id = "ConfigController_getConfig", tag = "config", security(()),
    responses((status = 200, body = DaytonaConfiguration)))]
pub(crate) async fn get_config(
    State(app): State<App>,
    Addresses(urls): Addresses,
) -> Json<DaytonaConfiguration> {
    let toolbox = urls.toolbox();
    Json(DaytonaConfiguration {
        version: app.config.version.clone(),
        // There is no provider: people use API keys.
        oidc: OidcConfig {
            issuer: String::new(),
            client_id: String::new(),
            audience: String::new(),
            provider: "none".to_owned(),
        },
        linked_accounts_enabled: false,
        announcements: BTreeMap::new(),
        proxy_template_url: urls.preview_template,
        proxy_toolbox_url: toolbox,
        default_snapshot: app.config.default_snapshot.clone(),
        dashboard_url: urls.dashboard,
        max_auto_archive_interval: u32::try_from(AutoArchive::LONGEST.to_wire()).unwrap_or(u32::MAX),
        maintenance_mode: false,
        environment: "self-hosted".to_owned(),
    })
}
