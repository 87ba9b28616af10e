//! What a session's shell is told.
//!
//! The shell reads lines from its standard input, one for each command, and tells the status of each
//! on a pipe of its own. Around a command, in every shell that [`crate::shell`] picks:
//!
//! ```text
//! { command . '5.sh' <&9 >'5.out' 2>'5.err' 9<&- 8>&- 7<&-; } 2>&8      run it, in the shell itself
//! { command echo "$? 5"; } >&8 2>&8                                     tell its status
//! ```
//!
//! Why so:
//! - `.` of a file and not the text itself: a syntax error is then the command's and not the shell's;
//! - `command` before it, because a POSIX shell ends when `.` itself fails;
//! - words are quoted, or go through `builtin`, so that no alias and no function of the user's comes
//!   between. In a POSIX shell a function called `command` is removed, since nothing else helps;
//! - redirections belong to `.` alone, so that what the command does to its descriptors ends with it;
//!   descriptors 9 (the null device), 8 (the status) and 7 (a script without a name) are closed in it;
//! - where no file with a name can be made, the script is on descriptor 7, and opened anew through `/proc`;
//! - `2>&8` around it catches what `set -x` says about these very lines; the daemon reads only lines
//!   that are statuses.

use std::ffi::OsStr;
use std::path::Path;

use super::directory::{Files, quoted};

/// How a shell is told to use its own commands and not the user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Bash,
    Zsh,
    Posix,
}

/// Names of shells that understand [`Dialect::Posix`].
const POSIX: [&str; 4] = ["sh", "dash", "ash", "busybox"];

/// Where a command's input comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// It is at its end.
    None,
    /// The pipe of its files.
    Pipe,
}

impl Dialect {
    /// The dialect of a shell, by its name; `None` for one that a session cannot use, such as fish.
    pub(super) fn of(shell: &OsStr) -> Option<Self> {
        match Path::new(shell).file_name()?.to_str()? {
            "bash" => Some(Self::Bash),
            "zsh" => Some(Self::Zsh),
            name => POSIX.contains(&name).then_some(Self::Posix),
        }
    }

    /// The line that runs the script of `files` as command `number`.
    pub(super) fn run(self, number: usize, files: &Files, input: Input) -> Vec<u8> {
        let stdin = match input {
            Input::None => b"<&9".to_vec(),
            Input::Pipe => [b"<", quoted(&files.stdin).as_slice()].concat(),
        };
        let parts: [&[u8]; 12] = [
            b"{ ",
            self.source(),
            b" ",
            &quoted(&files.script),
            b" ",
            &stdin,
            b" >",
            &quoted(&files.stdout),
            b" 2>",
            &quoted(&files.stderr),
            b" 9<&- 8>&- 7<&-; } 2>&8; ",
            &self.tell(number),
        ];
        parts.concat()
    }

    /// The line that runs the script on descriptor 7, where there is no directory for files: its output
    /// goes where the shell's own goes. The script has to begin with [`Dialect::let_go_of_script`].
    pub(super) fn run_nameless(self, number: usize) -> Vec<u8> {
        let redirections = b" /proc/self/fd/9 <&9 9<&7 7<&- 8>&-; ";
        [self.source(), redirections, &self.tell(number)].concat()
    }

    /// What closes the script's descriptor once the shell has opened it anew, on the script's own first
    /// line, so that line numbers in messages are right.
    pub(super) fn let_go_of_script(self) -> &'static str {
        match self {
            Self::Bash | Self::Zsh => r"\builtin exec 9<&-; ",
            Self::Posix => r"\exec 9<&-; ",
        }
    }

    fn source(self) -> &'static [u8] {
        match self {
            Self::Bash => br"\builtin command .",
            Self::Zsh => br"\builtin .",
            Self::Posix => br"\unset -f command; \command .",
        }
    }

    fn tell(self, number: usize) -> Vec<u8> {
        let tell = match self {
            Self::Bash | Self::Zsh => format!(r#"\builtin echo "$? {number}""#),
            // The function may be there since this very command; removing it loses the status.
            Self::Posix => format!(
                r#"_paddock=$?; \unset -f command; \command echo "$_paddock {number}"; \unset _paddock"#
            ),
        };
        format!("{{ {tell}; }} >&8 2>&8\n").into_bytes()
    }
}

/// The status of command `number`, if this is the line that tells it.
pub(super) fn status(line: &[u8], number: usize) -> Option<i32> {
    let (status, of) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    if of.parse() != Ok(number) || status.len() > 3 || !status.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    status.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_are_known_by_their_names_and_strange_ones_are_not_used() {
        assert_eq!(Dialect::of(OsStr::new("/usr/bin/bash")), Some(Dialect::Bash));
        assert_eq!(Dialect::of(OsStr::new("zsh")), Some(Dialect::Zsh));
        assert_eq!(Dialect::of(OsStr::new("/bin/sh")), Some(Dialect::Posix));
        assert_eq!(Dialect::of(OsStr::new("/bin/busybox")), Some(Dialect::Posix));
        assert_eq!(Dialect::of(OsStr::new("/usr/bin/fish")), None);
        // It ends itself over a syntax error, whatever stands before `.`.
        assert_eq!(Dialect::of(OsStr::new("/usr/bin/mksh")), None);
        assert_eq!(Dialect::of(OsStr::new("/")), None);
    }

    #[test]
    fn only_the_line_of_this_command_is_its_status() {
        assert_eq!(status(b"0 7", 7), Some(0));
        assert_eq!(status(b"255 7", 7), Some(255));
        for other in ["0 8", "+ command echo 0 7", "+0 7", "-1 7", "0  7", "0 7 ", "1234 7", "", "0"] {
            assert_eq!(status(other.as_bytes(), 7), None, "{other}");
        }
        assert_eq!(status(b"\xff 7", 7), None);
    }
}
