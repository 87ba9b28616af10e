//! Files that need no directory.

use std::io::{self, Write};
use std::os::fd::OwnedFd;

use rustix::fs::{MemfdFlags, SeekFrom, memfd_create, seek};
use rustix::io::Errno;

/// A file in memory that holds `parts`, to be read from its beginning. `name` is only for those who look
/// at open files.
pub(crate) fn memory_file(name: &str, parts: &[&[u8]]) -> io::Result<OwnedFd> {
    // Hosts may require the mark that a file in memory is no program; kernels before 6.3 refuse it.
    let unmarked = MemfdFlags::CLOEXEC;
    let file = match memfd_create(name, unmarked | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => memfd_create(name, unmarked)?,
        result => result?,
    };
    let mut file = std::fs::File::from(file);
    for part in parts {
        file.write_all(part)?;
    }
    seek(&file, SeekFrom::Start(0))?;
    Ok(file.into())
}
