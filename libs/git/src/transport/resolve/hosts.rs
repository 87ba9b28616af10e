//! `/etc/hosts`.

use std::net::IpAddr;
use std::path::Path;

/// The addresses of `name`, which is in lower case, in the file's order. A file that is not there has
/// none.
pub(super) fn look_up(file: &Path, name: &str) -> Vec<IpAddr> {
    let text = std::fs::read(file).unwrap_or_default();
    String::from_utf8_lossy(&text)
        .lines()
        .filter_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            let address: IpAddr = words.next()?.parse().ok()?;
            words.any(|known| known.eq_ignore_ascii_case(name)).then_some(address)
        })
        .collect()
}
