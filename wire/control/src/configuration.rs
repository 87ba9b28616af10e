//! What a client may know before it has a credential.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Reference schema `DaytonaConfiguration`. `analyticsApiUrl` is left out on purpose: its presence
/// sends the clients' metrics there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DaytonaConfiguration {
    /// The version of paddock.
    pub version: String,
    /// Where people sign in. Empty texts: nowhere, there are only API keys.
    pub oidc: OidcConfig,
    /// Whether accounts of other services can be linked.
    pub linked_accounts_enabled: bool,
    /// News for the dashboard, by key.
    pub announcements: BTreeMap<String, Announcement>,
    /// How a preview's address is made, with `{{PORT}}` and `{{sandboxId}}`.
    pub proxy_template_url: String,
    /// The base of every toolbox address, without a sandbox id.
    pub proxy_toolbox_url: String,
    /// What a sandbox is made from when its maker names nothing.
    pub default_snapshot: String,
    /// Where the dashboard is.
    pub dashboard_url: String,
    /// The longest time before archiving, in minutes.
    pub max_auto_archive_interval: u32,
    /// Whether the server refuses work. Misspelt on the wire.
    #[serde(rename = "maintananceMode")]
    pub maintenance_mode: bool,
    /// What kind of installation this is.
    pub environment: String,
}

/// Reference schema `OidcConfig`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OidcConfig {
    /// Who signs people in.
    pub issuer: String,
    /// As whom this installation asks.
    pub client_id: String,
    /// For whom a token is meant.
    pub audience: String,
    /// What kind of provider it is.
    pub provider: String,
}

/// Reference schema `Announcement`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Announcement {
    /// The news.
    pub text: String,
    /// More of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learn_more_url: Option<String>,
}
