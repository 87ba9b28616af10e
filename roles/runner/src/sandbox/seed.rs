//! The few files that a sandbox has of its own from the beginning: its name, its hosts, its resolver.
//!
//! Written into its volume before its first start and never again: afterwards the directory is the guest's,
//! and a link that it put there would make the host's root write somewhere else.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// Writes the files beneath `upper`, a fresh volume's.
pub(super) fn write(upper: &Path, hostname: &str, resolver: Ipv4Addr) -> io::Result<()> {
    // The root directory of the sandbox is this one: it must look like any other.
    fs::set_permissions(upper, fs::Permissions::from_mode(0o755))?;
    let etc = upper.join("etc");
    match fs::DirBuilder::new().mode(0o755).create(&etc) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => fs::set_permissions(&etc, fs::Permissions::from_mode(0o755))?,
    }
    let hosts =
        format!("127.0.0.1\tlocalhost\n127.0.1.1\t{hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\n");
    let resolv = format!("nameserver {resolver}\noptions edns0\n");
    for (name, content) in [("hostname", format!("{hostname}\n")), ("hosts", hosts), ("resolv.conf", resolv)]
    {
        let file = etc.join(name);
        fs::write(&file, content)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644))?;
    }
    Ok(())
}
