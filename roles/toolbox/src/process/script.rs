//! How a script of any length reaches its shell.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;

use crate::memory_file::memory_file;
use crate::spawn::INHERITED_FD;

/// The kernel's limit on one argument is 128 KiB with its final NUL.
const LONGEST_ARGUMENT: usize = 128 * 1024 - 1;

/// A script in the form that a shell takes it.
#[derive(Debug)]
pub(super) struct Script {
    /// The shell's arguments.
    pub(super) arguments: Vec<OsString>,
    /// What the shell must find open as [`INHERITED_FD`].
    pub(super) file: Option<OwnedFd>,
}

impl Script {
    /// A short script is an argument. A long one is a file in memory, which works where no directory
    /// is writable; standard input is not used, so that a command cannot eat the rest of its script.
    pub(super) fn new(text: String) -> io::Result<Self> {
        if text.len() <= LONGEST_ARGUMENT {
            return Ok(Self { arguments: vec!["-c".into(), text.into()], file: None });
        }
        // On the script's own first line, so that line numbers in messages are right.
        let closed_for_the_scripts_children = format!("exec {INHERITED_FD}<&-; ");
        let file = memory_file("script", &[closed_for_the_scripts_children.as_bytes(), text.as_bytes()])?;
        Ok(Self { arguments: vec![format!("/proc/self/fd/{INHERITED_FD}").into()], file: Some(file) })
    }
}
