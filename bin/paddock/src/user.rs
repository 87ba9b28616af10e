//! System users, read from `/etc/passwd`: a static program cannot ask the C library.

use anyhow::{Context, Result};

/// A user of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Finds a user by name.
pub(crate) fn find(name: &str) -> Result<User> {
    let table = std::fs::read_to_string("/etc/passwd").context("could not read /etc/passwd")?;
    parse(&table, name).with_context(|| {
        format!("there is no user {name:?}; make one with: useradd --system --shell /usr/sbin/nologin {name}")
    })
}

fn parse(table: &str, name: &str) -> Option<User> {
    let line = table.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some(User { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let table =
            "root:x:0:0::/root:/bin/sh\npaddock2:x:7:8::/:/bin/false\npaddock:x:998:997::/:/bin/false\n";
        assert_eq!(parse(table, "paddock"), Some(User { uid: 998, gid: 997 }));
        assert_eq!(parse(table, "pad"), None);
    }
}
