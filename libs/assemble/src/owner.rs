//! `--chown` and `--chmod`, as the image understands them.

use std::fs;

use crate::Error;

/// User and group of copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Owner {
    /// Reads `user`, `user:group`, `:group`; names are looked up in the image. Without a group it is the user's own, or the
    /// user's number where the image does not know one.
    pub(crate) fn find(text: &str) -> Result<Self, Error> {
        let file = |path| fs::read_to_string(path).unwrap_or_default();
        Self::of(text, &file("/etc/passwd"), &file("/etc/group"))
    }

    fn of(text: &str, passwd: &str, group: &str) -> Result<Self, Error> {
        let (user, wanted_group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
            None => (text, None),
        };
        let line = entry(passwd, user, 2);
        let field = |number: usize| line.and_then(|line| line.split(':').nth(number)?.parse().ok());
        let uid: Option<u32> = if user.is_empty() { Some(0) } else { field(2).or_else(|| user.parse().ok()) };
        let uid = uid.ok_or_else(|| Error::refused(format!("user {user:?} does not exist in the image")))?;
        let gid = match wanted_group {
            None => field(3).unwrap_or(uid),
            Some(wanted) => entry(group, wanted, 2)
                .and_then(|line| line.split(':').nth(2)?.parse().ok())
                .or_else(|| wanted.parse().ok())
                .ok_or_else(|| Error::refused(format!("group {wanted:?} does not exist in the image")))?,
        };
        Ok(Self { uid, gid })
    }
}

/// The line of a name, or of a number in the field `number`.
fn entry<'t>(file: &'t str, wanted: &str, number: usize) -> Option<&'t str> {
    let has = |line: &&str, field: usize| line.split(':').nth(field) == Some(wanted);
    file.lines().find(|line| has(line, 0)).or_else(|| file.lines().find(|line| has(line, number)))
}

/// A change of modes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mode {
    /// This one.
    Octal(u32),
    /// `u+x,go=r` and the like.
    Clauses(Vec<Clause>),
}

/// One clause of a symbolic mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clause {
    /// The bits of those whom it concerns: of 0o7777.
    who: u32,
    action: char,
    /// For all three: `r`, `w`, `x`, `s`, `t` as bits.
    bits: u32,
    /// `X`: execution, where somebody may already or it is a directory.
    conditional: bool,
}

impl Mode {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let bad = || Error::refused(format!("{text:?} is no mode"));
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777);
            return mode.map(Self::Octal).ok_or_else(bad);
        }
        let mut clauses = Vec::new();
        for clause in text.split(',') {
            let end = clause.find(['+', '-', '=']).ok_or_else(bad)?;
            let mut who = 0;
            for c in clause[..end].chars() {
                who |= match c {
                    'u' => 0o4700,
                    'g' => 0o2070,
                    'o' => 0o1007,
                    'a' => 0o7777,
                    _ => return Err(bad()),
                };
            }
            let mut rest = clause[end..].chars();
            let action = rest.next().ok_or_else(bad)?;
            let (mut bits, mut conditional) = (0, false);
            for c in rest {
                match c {
                    'r' => bits |= 0o444,
                    'w' => bits |= 0o222,
                    'x' => bits |= 0o111,
                    's' => bits |= 0o6000,
                    't' => bits |= 0o1000,
                    'X' => conditional = true,
                    _ => return Err(bad()),
                }
            }
            clauses.push(Clause { who: if who == 0 { 0o7777 } else { who }, action, bits, conditional });
        }
        Ok(Self::Clauses(clauses))
    }

    /// What becomes of `mode`.
    pub(crate) fn apply(&self, mode: u32, is_directory: bool) -> u32 {
        match self {
            Self::Octal(mode) => *mode,
            Self::Clauses(clauses) => clauses.iter().fold(mode & 0o7777, |mode, clause| {
                let is_executable = clause.conditional && (is_directory || mode & 0o111 != 0);
                let bits = (clause.bits | if is_executable { 0o111 } else { 0 }) & clause.who;
                match clause.action {
                    '+' => mode | bits,
                    '-' => mode & !bits,
                    _ => mode & !(clause.who & 0o777) | bits,
                }
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_names_of_the_image_or_numbers() {
        let passwd = "root:x:0:0::/root:/bin/sh\nweb:x:33:44::/:/bin/sh\n";
        let group = "root:x:0:\nstaff:x:50:\n";
        let of = |text| Owner::of(text, passwd, group).map(|owner| (owner.uid, owner.gid));
        for (text, wanted) in [
            ("web", (33, 44)),
            ("web:staff", (33, 50)),
            ("web:7", (33, 7)),
            ("33", (33, 44)),
            ("1000", (1000, 1000)),
            ("1000:1001", (1000, 1001)),
            (":staff", (0, 50)),
        ] {
            assert_eq!(of(text).unwrap(), wanted, "{text}");
        }
        assert_eq!(of("nobody").unwrap_err().to_string(), "user \"nobody\" does not exist in the image");
        assert!(of("web:nobody").is_err());
        assert_eq!(Owner::of("0:0", "", "").unwrap(), Owner { uid: 0, gid: 0 });
    }

    #[test]
    fn modes_come_in_both_forms() {
        for (text, mode, is_directory, wanted) in [
            ("755", 0o600, false, 0o755),
            ("4755", 0o600, false, 0o4755),
            ("u+x", 0o644, false, 0o744),
            ("a+rX", 0o600, false, 0o644),
            ("a+rX", 0o700, true, 0o755),
            ("go-rwx,u=rw", 0o755, false, 0o600),
            ("+x", 0o644, false, 0o755),
            ("g+s", 0o755, true, 0o2755),
        ] {
            assert_eq!(Mode::parse(text).unwrap().apply(mode, is_directory), wanted, "{text}");
        }
        for text in ["", "9", "77777", "u", "z+x", "u+q"] {
            assert!(Mode::parse(text).is_err(), "{text:?}");
        }
    }
}
