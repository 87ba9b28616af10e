//! The addresses that answers hold: built from the configuration, else from the caller's own request,
//! never from a name that may not resolve for the caller.

use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};
use paddock_types::SandboxId;

use crate::config::Config;

/// The addresses as one caller should see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Urls {
    /// Where the proxy is, without a slash at the end.
    pub(crate) proxy: String,
    /// Where the API is, without a slash at the end.
    pub(crate) api: String,
    /// Where the dashboard is.
    pub(crate) dashboard: String,
    /// How a preview's address is made.
    pub(crate) preview_template: String,
}

impl Urls {
    pub(crate) fn of(config: &Config, parts: &Parts) -> Self {
        Self::build(config, &parts.uri, &parts.headers)
    }

    fn build(config: &Config, uri: &Uri, headers: &HeaderMap) -> Self {
        let requested = requested_authority(uri, headers);
        let (scheme, host) = match &config.public_url {
            Some(url) => (url.scheme(), url.host()),
            None => ("http", requested.as_ref().map_or("127.0.0.1", Authority::host)),
        };
        let (proxy, preview_template) = match &config.proxy_url {
            Some(url) => (url.to_string(), template(&url.to_string(), url.host())),
            None => {
                let proxy = format!("{scheme}://{host}:{}", config.proxy_port);
                let template = template(&proxy, host);
                (proxy, template)
            }
        };
        let dashboard = match (&config.dashboard_url, &config.public_url, &requested) {
            (Some(url), _, _) | (None, Some(url), _) => url.to_string(),
            (None, None, Some(authority)) => format!("http://{authority}"),
            (None, None, None) => format!("http://{host}"),
        };
        let origin = match (&config.public_url, &requested) {
            (Some(url), _) => url.to_string(),
            (None, Some(authority)) => format!("http://{authority}"),
            (None, None) => format!("http://{host}"),
        };
        Self { proxy, api: format!("{origin}/api"), dashboard, preview_template }
    }

    /// Where a port of a sandbox is to be seen.
    pub(crate) fn preview(&self, sandbox: SandboxId, port: u16) -> String {
        let template = self.preview_template.replace("{{PORT}}", &port.to_string());
        template.replace("{{sandboxId}}", &sandbox.to_string())
    }

    /// The base of every toolbox, without a sandbox id and without a slash at the end.
    pub(crate) fn toolbox(&self) -> String {
        format!("{}/toolbox", self.proxy)
    }
}

/// What the caller took for our name. What is not a plain host and port is ignored.
fn requested_authority(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let named = uri.authority().cloned();
    let authority = named.or_else(|| headers.get(header::HOST)?.to_str().ok()?.parse().ok())?;
    (!authority.as_str().contains('@') && !authority.host().is_empty()).then_some(authority)
}

/// Host names get a label in front; an IP address has no room for one and gets a path.
fn template(origin: &str, host: &str) -> String {
    let is_address = host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok();
    match origin.split_once("://") {
        Some((scheme, authority)) if !is_address => {
            format!("{scheme}://{{{{PORT}}}}-{{{{sandboxId}}}}.{authority}")
        }
        _ => format!("{origin}/preview/{{{{sandboxId}}}}/{{{{PORT}}}}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let objects = tempfile::tempdir().unwrap();
        Config {
            open_socket: "x".into(),
            builds: "x".into(),
            objects: std::sync::Arc::new(paddock_driver_object::dir::Dir::open(objects.path()).unwrap()),
            registries: paddock_registry::Client::new(paddock_registry::Settings::default()).unwrap(),
            store: paddock_store::StoreUrl::Sqlite("x".into()),
            sealing_key: "x".into(),
            runner_socket: "x".into(),
            public_url: None,
            proxy_url: None,
            proxy_port: 4000,
            dashboard_url: None,
            region: "local".to_owned(),
            default_snapshot: "paddock-small".to_owned(),
            timer_period: Config::TIMER_PERIOD,
            version: "1".to_owned(),
            events: crate::config::EventLimits::default(),
        }
    }

    fn urls(config: &Config, host: &str) -> Urls {
        let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
        Urls::build(config, &Uri::from_static("/api/sandbox"), &headers)
    }

    #[test]
    fn without_configuration_the_callers_own_words_are_used() {
        let found = urls(&config(), "box.example.com:3000");
        assert_eq!(found.toolbox(), "http://box.example.com:4000/toolbox");
        assert_eq!(found.dashboard, "http://box.example.com:3000");
        assert_eq!(found.preview_template, "http://{{PORT}}-{{sandboxId}}.box.example.com:4000");
    }

    #[test]
    fn an_address_has_no_subdomains() {
        assert_eq!(urls(&config(), "[::1]:3000").toolbox(), "http://[::1]:4000/toolbox");
        let template = urls(&config(), "10.0.0.1:3000").preview_template;
        assert_eq!(template, "http://10.0.0.1:4000/preview/{{sandboxId}}/{{PORT}}");
    }

    #[test]
    fn a_hostile_host_is_ignored() {
        for host in ["user@evil", "a b", "", "/", "x:y:z@"] {
            let found = urls(&config(), host);
            assert_eq!(found.toolbox(), "http://127.0.0.1:4000/toolbox", "{host:?}");
        }
    }

    #[test]
    fn configured_addresses_win() {
        let config = Config {
            public_url: Some("https://api.example.com".parse().unwrap()),
            proxy_url: Some("https://proxy.example.com".parse().unwrap()),
            ..config()
        };
        let found = urls(&config, "whatever");
        assert_eq!(found.toolbox(), "https://proxy.example.com/toolbox");
        assert_eq!(found.dashboard, "https://api.example.com");
        let config = Config { proxy_url: None, ..config };
        assert_eq!(urls(&config, "whatever").toolbox(), "https://api.example.com:4000/toolbox");
    }
}
