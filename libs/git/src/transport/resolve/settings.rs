//! `/etc/resolv.conf`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

/// As many servers as the C library asks.
const MOST_SERVERS: usize = 3;

/// Whom to ask, and for which names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) servers: Vec<SocketAddr>,
    search: Vec<String>,
    /// A name with at least so many dots is tried as it is before the search list.
    dots: usize,
    /// How long one server may take.
    pub(super) timeout: Duration,
    pub(super) attempts: u32,
}

impl Settings {
    /// What the file says; without it, a server on this machine, as the C library has it.
    pub(super) fn load(file: &Path) -> Self {
        let text = std::fs::read(file).unwrap_or_default();
        Self::parse(&String::from_utf8_lossy(&text))
    }

    fn parse(text: &str) -> Self {
        let mut settings = Self {
            servers: Vec::new(),
            search: Vec::new(),
            dots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
        };
        for line in text.lines() {
            let mut words = line.split(['#', ';']).next().unwrap_or_default().split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    // A scope such as `%eth0` is not ours to understand.
                    let address =
                        words.next().and_then(|word| word.split('%').next()?.parse::<IpAddr>().ok());
                    settings.servers.extend(address.map(|address| SocketAddr::new(address, 53)));
                }
                Some("search" | "domain") => settings.search = words.map(str::to_owned).collect(),
                Some("options") => words.for_each(|option| settings.option(option)),
                _ => {}
            }
        }
        settings.servers.truncate(MOST_SERVERS);
        if settings.servers.is_empty() {
            settings.servers.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 53));
        }
        settings
    }

    fn option(&mut self, option: &str) {
        let Some((name, value)) = option.split_once(':') else { return };
        let Ok(value) = value.parse::<u32>() else { return };
        match name {
            // The limits are the C library's.
            "ndots" => self.dots = value.min(15) as usize,
            "timeout" => self.timeout = Duration::from_secs(value.clamp(1, 30).into()),
            "attempts" => self.attempts = value.clamp(1, 5),
            _ => {}
        }
    }

    /// The full names to ask for, in order.
    pub(super) fn names(&self, host: &str) -> Vec<String> {
        if let Some(full) = host.strip_suffix('.') {
            return vec![full.to_owned()];
        }
        let searched = self
            .search
            .iter()
            .map(|domain| format!("{host}.{}", domain.trim_matches('.')))
            .filter(|name| !name.ends_with('.'));
        let is_full = host.matches('.').count() >= self.dots;
        if is_full {
            std::iter::once(host.to_owned()).chain(searched).collect()
        } else {
            searched.chain(std::iter::once(host.to_owned())).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_whom_to_ask_for_what() {
        let text = "# comment\nnameserver 10.0.0.1\nnameserver fe80::1%eth0\nnameserver x\n\
                    search a.example b.example\noptions ndots:2 timeout:1 attempts:9 rotate\n";
        let settings = Settings::parse(text);
        assert_eq!(settings.servers, ["10.0.0.1:53".parse().unwrap(), "[fe80::1]:53".parse().unwrap()]);
        assert_eq!((settings.timeout, settings.attempts), (Duration::from_secs(1), 5));
        assert_eq!(settings.names("h"), ["h.a.example", "h.b.example", "h"]);
        assert_eq!(settings.names("a.b.c"), ["a.b.c", "a.b.c.a.example", "a.b.c.b.example"]);
        assert_eq!(settings.names("h."), ["h"]);
    }

    #[test]
    fn without_a_file_this_machine_is_asked() {
        let settings = Settings::load(Path::new("/no/such/file"));
        assert_eq!(settings.servers, ["127.0.0.1:53".parse().unwrap()]);
        assert_eq!(settings.names("h"), ["h"]);
    }
}
