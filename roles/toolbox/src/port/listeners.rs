//! Who listens, from the kernel's tables of this network namespace.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

/// `TCP_LISTEN` as the tables spell it.
const LISTENING: &str = "0A";

/// Ports that are listened on, ascending, each with its addresses.
pub(super) type Listeners = BTreeMap<u16, Vec<IpAddr>>;

/// Reads both tables. One that is not there (a kernel without IPv6) is empty; with neither (no `/proc`) nothing is known,
/// which is an error. Blocks for as long as the kernel needs to write them.
pub(super) fn listeners() -> io::Result<Listeners> {
    let mut found = Listeners::new();
    let mut is_known = false;
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        match std::fs::read_to_string(Path::new(table)) {
            Ok(text) => {
                is_known = true;
                for (address, port) in text.lines().skip(1).filter_map(listener) {
                    found.entry(port).or_default().push(address);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    if is_known { Ok(found) } else { Err(io::ErrorKind::NotFound.into()) }
}

/// The address and port of a line, if it is one of a listening socket:
/// `  0: 0100007F:1F90 00000000:0000 0A …`.
fn listener(line: &str) -> Option<(IpAddr, u16)> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (address, port) = fields.next()?.split_once(':')?;
    if fields.nth(1)? != LISTENING {
        return None;
    }
    Some((parse_address(address)?, u16::from_str_radix(port, 16).ok()?))
}

/// An address as the kernel prints it: words of four bytes, each as this machine stores it.
fn parse_address(text: &str) -> Option<IpAddr> {
    let mut bytes = [0; 16];
    let words = text.len() / 8;
    if !matches!(words, 1 | 4) || !text.len().is_multiple_of(8) {
        return None;
    }
    for index in 0..words {
        let word = u32::from_str_radix(text.get(index * 8..index * 8 + 8)?, 16).ok()?;
        bytes[index * 4..index * 4 + 4].copy_from_slice(&word.to_ne_bytes());
    }
    Some(match words {
        1 => IpAddr::V4(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3])),
        _ => IpAddr::V6(Ipv6Addr::from(bytes)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn listening_sockets_are_read_and_others_are_not() {
        let line =
            "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1";
        assert_eq!(listener(line), Some((IpAddr::V4(Ipv4Addr::LOCALHOST), 8080)));
        let line = "  12: 00000000000000000000000001000000:0BB8 00000000000000000000000000000000:0000 0A 0:0";
        assert_eq!(listener(line), Some((IpAddr::V6(Ipv6Addr::LOCALHOST), 3000)));
        let connected = "   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000";
        assert_eq!(listener(connected), None);
        for broken in
            ["", "0:", "0: x:y z 0A", "0: 0100007F:1F90", "0: 0100:1F90 0:0 0A", "0: é100007F:1F90 0:0 0A"]
        {
            assert_eq!(listener(broken), None, "{broken}");
        }
    }
}
