//! Which proxy a host is reached through, as git and curl find it.

use ureq::Proxy;

use crate::failure::Failure;
use crate::url::hide_passwords;

/// The proxy for `host`, or `None`. What the configuration says comes before the environment; empty
/// means none. Plain HTTP goes through a tunnel, too.
pub(super) fn of(is_https: bool, host: &str, configured: Option<&str>) -> Result<Option<Proxy>, Failure> {
    let variable = |names: &[&str]| names.iter().find_map(|name| std::env::var(name).ok());
    let names: &[&str] = if is_https {
        &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
    } else {
        &["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
    };
    let Some(proxy) =
        configured.map(str::to_owned).or_else(|| variable(names)).filter(|proxy| !proxy.is_empty())
    else {
        return Ok(None);
    };
    if is_excepted(host, &variable(&["no_proxy", "NO_PROXY"]).unwrap_or_default()) {
        return Ok(None);
    }
    Proxy::new(&proxy)
        .map(Some)
        .map_err(|error| Failure::transport(format!("the proxy {}: {error}", hide_passwords(&proxy))))
}

/// Whether a list such as `localhost,.example.com,*` names the host or a domain that it is in.
fn is_excepted(host: &str, list: &str) -> bool {
    list.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let entry = entry.trim_start_matches('.');
        let is_below = || {
            let start = host.len().checked_sub(entry.len() + 1);
            start.is_some_and(|start| {
                host.as_bytes()[start] == b'.'
                    && host.as_bytes()[start + 1..].eq_ignore_ascii_case(entry.as_bytes())
            })
        };
        entry == "*" || entry.eq_ignore_ascii_case(host) || is_below()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_hosts_and_domains() {
        let list = "localhost, .example.com,10.0.0.1";
        assert!(is_excepted("localhost", list));
        assert!(is_excepted("a.example.com", list));
        assert!(is_excepted("Example.com", list));
        assert!(is_excepted("10.0.0.1", list));
        assert!(!is_excepted("badexample.com", list));
        assert!(!is_excepted("com", list));
        assert!(is_excepted("anything", "*"));
        assert!(!is_excepted("anything", ""));
    }
}
