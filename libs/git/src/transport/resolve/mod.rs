//! Addresses of hosts, without the C library's name services, which a static program must not call.
//!
//! In this order: literal addresses; `localhost` and what is below it; `/etc/hosts`; the name servers of
//! `/etc/resolv.conf`, over UDP and, where an answer is cut short, TCP. What it does not do: other
//! modules of `nsswitch.conf`, multicast, encrypted DNS, caching.

mod ask;
mod hosts;
mod message;
mod settings;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use settings::Settings;

/// As many as the HTTP client can hold.
const MOST_ADDRESSES: usize = 16;

/// The resolver of the HTTP client.
#[derive(Debug)]
pub(super) struct Names;

impl Resolver for Names {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().ok_or(ureq::Error::HostNotFound)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(match uri.scheme_str() {
            Some("https") => 443,
            Some("socks4" | "socks4a" | "socks5" | "socks5h") => 1080,
            _ => 80,
        });
        let found = resolve(host, port).map_err(|why| ureq::Error::Other(why.into()))?;
        let mut addresses = self.empty();
        for address in found {
            addresses.push(address);
        }
        Ok(addresses)
    }
}

/// The addresses of `host`, at least one and at most 16, IPv4 and IPv6 in turns beginning with IPv4:
/// networks without IPv6 are more common here than ones without IPv4.
///
/// # Errors
///
/// Why there is none, in words for users.
pub(super) fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    resolve_with(host, port, Path::new("/etc/hosts"), Path::new("/etc/resolv.conf"))
}

fn resolve_with(host: &str, port: u16, hosts: &Path, resolv_conf: &Path) -> Result<Vec<SocketAddr>, String> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let mut found = hosts::look_up(hosts, &name);
    if found.is_empty() && (name == "localhost" || name.ends_with(".localhost")) {
        found = vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    }
    if found.is_empty() {
        found = ask::ask(&Settings::load(resolv_conf), host)
            .map_err(|why| format!("could not resolve host: {host}: {why}"))?;
    }
    Ok(in_turns(found).map(|address| SocketAddr::new(address, port)).collect())
}

fn in_turns(found: Vec<IpAddr>) -> impl Iterator<Item = IpAddr> {
    let (v4, v6): (Vec<_>, Vec<_>) = found.into_iter().partition(IpAddr::is_ipv4);
    let longest = v4.len().max(v6.len());
    (0..longest).flat_map(move |at| [v4.get(at).copied(), v6.get(at).copied()]).flatten().take(MOST_ADDRESSES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_no_server_is_answered_without_one() {
        let none = Path::new("/no/such/file");
        let found = |host| resolve_with(host, 80, none, none).unwrap();
        assert_eq!(found("10.1.2.3"), ["10.1.2.3:80".parse().unwrap()]);
        assert_eq!(found("::1"), ["[::1]:80".parse().unwrap()]);
        assert_eq!(found("a.LocalHost."), ["127.0.0.1:80".parse().unwrap(), "[::1]:80".parse().unwrap()]);
    }

    #[test]
    fn a_file_of_hosts_comes_before_servers() {
        let directory = tempfile::tempdir().unwrap();
        let hosts = directory.path().join("hosts");
        std::fs::write(&hosts, "192.0.2.1 git.example\n").unwrap();
        let found = resolve_with("Git.Example", 443, &hosts, Path::new("/no/such/file")).unwrap();
        assert_eq!(found, ["192.0.2.1:443".parse().unwrap()]);
    }

    #[test]
    fn families_take_turns() {
        let addresses = ["::1", "1.1.1.1", "2.2.2.2"].map(|text| text.parse().unwrap());
        let turns: Vec<_> = in_turns(addresses.to_vec()).map(|address| address.to_string()).collect();
        assert_eq!(turns, ["1.1.1.1", "::1", "2.2.2.2"]);
    }
}
