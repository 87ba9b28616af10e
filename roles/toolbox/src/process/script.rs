//! How a script of any length reaches its shell.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::OwnedFd;

use rustix::fs::{MemfdFlags, SeekFrom, memfd_create, seek};
use rustix::io::Errno;

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
        let file = memory_file(&[closed_for_the_scripts_children.as_bytes(), text.as_bytes()])?;
        Ok(Self { arguments: vec![format!("/proc/self/fd/{INHERITED_FD}").into()], file: Some(file) })
    }
}

/// A file in memory that holds `parts`, to be read from its beginning.
pub(super) fn memory_file(parts: &[&[u8]]) -> io::Result<OwnedFd> {
    // Hosts may require the mark that a file in memory is no program; kernels before 6.3 refuse it.
    let unmarked = MemfdFlags::CLOEXEC;
    let file = match memfd_create("script", unmarked | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => memfd_create("script", unmarked)?,
        result => result?,
    };
    let mut file = std::fs::File::from(file);
    for part in parts {
        file.write_all(part)?;
    }
    seek(&file, SeekFrom::Start(0))?;
    Ok(file.into())
}
