//! Users and groups, read from `/etc/passwd` and `/etc/group`.
//!
//! By hand: libc's lookups load modules at run time, which a static program cannot, and an image's
//! own configuration could name any. Lines that are not what they should be are skipped; an image
//! may lack both files.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::small_file::read_small_file;

/// One user of the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: Vec<u8>,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) home: PathBuf,
    pub(crate) shell: OsString,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    name: Vec<u8>,
    gid: u32,
    members: Vec<Vec<u8>>,
}

/// The image's users and groups, in the order of the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accounts {
    users: Vec<User>,
    groups: Vec<Group>,
}

impl Accounts {
    /// Those of this moment; none where the files are missing or cannot be read.
    pub(crate) fn load() -> Self {
        let read = |path| read_small_file(Path::new(path)).unwrap_or_default();
        Self::parse(&read("/etc/passwd"), &read("/etc/group"))
    }

    fn parse(passwd: &[u8], group: &[u8]) -> Self {
        Self {
            users: passwd.split(|&byte| byte == b'\n').filter_map(user).collect(),
            groups: group.split(|&byte| byte == b'\n').filter_map(parse_group).collect(),
        }
    }

    /// The first user of that name.
    pub(crate) fn user_named(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == name.as_bytes())
    }

    /// The first user of that number.
    pub(crate) fn user_numbered(&self, uid: u32) -> Option<&User> {
        self.users.iter().find(|user| user.uid == uid)
    }

    /// The groups that list a user, without the user's own. May repeat.
    pub(crate) fn groups_of(&self, name: &[u8]) -> impl Iterator<Item = u32> {
        self.groups
            .iter()
            .filter(move |group| group.members.iter().any(|member| member == name))
            .map(|group| group.gid)
    }

    /// The uid that a request means: a known name, or a number.
    pub(crate) fn uid_of(&self, text: &str) -> Option<u32> {
        self.user_named(text).map(|user| user.uid).or_else(|| number(text.as_bytes()))
    }

    /// The gid that a request means: a known name, or a number.
    pub(crate) fn gid_of(&self, text: &str) -> Option<u32> {
        let named = self.groups.iter().find(|group| group.name == text.as_bytes());
        named.map(|group| group.gid).or_else(|| number(text.as_bytes()))
    }
}

/// `name:password:uid:gid:comment:home:shell`.
fn user(line: &[u8]) -> Option<User> {
    let fields: Vec<&[u8]> = line.split(|&byte| byte == b':').collect();
    let [name, _, uid, gid, _, home, shell] = fields[..] else { return None };
    Some(User {
        name: named(name)?,
        uid: number(uid)?,
        gid: number(gid)?,
        home: if home.starts_with(b"/") { path(home) } else { PathBuf::from("/") },
        shell: if shell.is_empty() { "/bin/sh".into() } else { OsString::from_vec(shell.to_vec()) },
    })
}

/// `name:password:gid:member,member`.
fn parse_group(line: &[u8]) -> Option<Group> {
    let fields: Vec<&[u8]> = line.split(|&byte| byte == b':').collect();
    let [name, _, gid, members] = fields[..] else { return None };
    let members = members.split(|&byte| byte == b',').filter(|member| !member.is_empty());
    Some(Group { name: named(name)?, gid: number(gid)?, members: members.map(<[u8]>::to_vec).collect() })
}

fn named(name: &[u8]) -> Option<Vec<u8>> {
    (!name.is_empty()).then(|| name.to_vec())
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes.to_vec()))
}

/// A uid or gid: digits alone, and not the number that means "no change" to the kernel.
pub(super) fn number(text: &[u8]) -> Option<u32> {
    let is_digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(text).ok().filter(|_| is_digits)?.parse().ok()?;
    (number != u32::MAX).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/bash\n# comment\nbroken:x:1\n::2:2::/:\n\
        daytona:x:1000:1001:,,,:/home/daytona:/bin/zsh\nhomeless:x:7:7::nonsense:\nbig:x:4294967295:0::/:\n";
    const GROUP: &[u8] = b"root:x:0:\nsudo:x:27:daytona,other\ndocker:x:999:other,daytona\nbad:x:x:daytona\n";

    #[test]
    fn users_and_their_groups_are_found() {
        let accounts = Accounts::parse(PASSWD, GROUP);
        let daytona = accounts.user_named("daytona").unwrap();
        assert_eq!((daytona.uid, daytona.gid), (1000, 1001));
        assert_eq!(daytona.home, Path::new("/home/daytona"));
        assert_eq!(accounts.groups_of(b"daytona").collect::<Vec<_>>(), [27, 999]);
        assert_eq!(accounts.user_numbered(1000), Some(daytona));
        assert_eq!(accounts.groups_of(b"root").count(), 0);
    }

    #[test]
    fn broken_lines_are_nobody() {
        let accounts = Accounts::parse(PASSWD, GROUP);
        assert_eq!(accounts.users.len(), 3);
        assert_eq!(accounts.user_named("broken"), None);
        assert_eq!(accounts.user_named("big"), None);
        assert_eq!(accounts.user_named("homeless").unwrap().home, Path::new("/"));
        assert_eq!(accounts.user_named("homeless").unwrap().shell, "/bin/sh");
        assert_eq!(Accounts::parse(&[0xff; 100], b"\n\n:::").users.len(), 0);
    }

    #[test]
    fn names_and_numbers_both_mean_somebody() {
        let accounts = Accounts::parse(PASSWD, GROUP);
        assert_eq!(accounts.uid_of("daytona"), Some(1000));
        assert_eq!(accounts.uid_of("4242"), Some(4242));
        assert_eq!(accounts.uid_of("nobody-here"), None);
        assert_eq!(accounts.uid_of("-1"), None);
        assert_eq!(accounts.uid_of("4294967295"), None);
        assert_eq!(accounts.gid_of("docker"), Some(999));
        assert_eq!(accounts.gid_of("999999999999"), None);
    }
}
