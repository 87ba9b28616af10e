//! Extended attributes. POSIX access lists and file capabilities are attributes too (`system.posix_acl_access`,
//! `security.capability`).

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::XattrFlags;
use rustix::io::Errno;

/// The kernel's own limits: of one value, and of all names of one node together.
const MAX_BYTES: usize = 64 << 10;

/// Names and values, in the order of the names.
pub type Attributes = Vec<(CString, Vec<u8>)>;

/// All attributes of an open file or directory. A file system without any has none.
pub fn read(file: impl AsFd) -> io::Result<Attributes> {
    let file = file.as_fd();
    gather(
        |buffer| rustix::fs::flistxattr(file, buffer),
        |name, buffer| rustix::fs::fgetxattr(file, name, buffer),
    )
}

/// All attributes of `name` in `parent`, which may be a node that cannot be opened. Moves the working directory of the
/// calling thread to `parent`.
pub fn read_unopened(parent: BorrowedFd<'_>, name: &CStr) -> io::Result<Attributes> {
    rustix::process::fchdir(parent)?;
    gather(
        |buffer| rustix::fs::llistxattr(name, buffer),
        |attribute, buffer| rustix::fs::lgetxattr(name, attribute, buffer),
    )
}

fn gather(
    list: impl Fn(&mut [u8]) -> rustix::io::Result<usize>,
    get: impl Fn(&CStr, &mut [u8]) -> rustix::io::Result<usize>,
) -> io::Result<Attributes> {
    // Nearly every node has none or one, and most stacks have room for those.
    let mut small = [0u8; 256];
    let names = match list(&mut small) {
        Ok(count) => small.get(..count).unwrap_or_default().to_vec(),
        Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
        Err(Errno::RANGE) => {
            let mut large = vec![0u8; MAX_BYTES];
            let count = list(&mut large)?;
            large.truncate(count);
            large
        }
        Err(error) => return Err(error.into()),
    };
    let mut found = Attributes::new();
    for name in names.split_inclusive(|&byte| byte == 0) {
        let name = CStr::from_bytes_with_nul(name).map_err(io::Error::other)?;
        let mut value = vec![0u8; 512];
        let count = match get(name, &mut value) {
            Err(Errno::RANGE) => {
                value.resize(MAX_BYTES, 0);
                get(name, &mut value)
            }
            other => other,
        };
        match count {
            Ok(count) => {
                value.truncate(count);
                value.shrink_to_fit();
                found.push((name.to_owned(), value));
            }
            // Removed since it was listed.
            Err(Errno::NODATA) => {}
            Err(error) => return Err(error.into()),
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Sets an attribute of an open file or directory.
pub fn set(file: impl AsFd, name: &CStr, value: &[u8]) -> io::Result<()> {
    Ok(rustix::fs::fsetxattr(file, name, value, XattrFlags::empty())?)
}

/// Sets an attribute of `name` in `parent`, not following it. Moves the working directory of the calling thread to
/// `parent`.
pub fn set_unopened(parent: BorrowedFd<'_>, name: &CStr, attribute: &CStr, value: &[u8]) -> io::Result<()> {
    rustix::process::fchdir(parent)?;
    Ok(rustix::fs::lsetxattr(name, attribute, value, XattrFlags::empty())?)
}
