//! Extended attributes on their way through a tar stream, as records that begin with `SCHILY.xattr.`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{XattrFlags, lgetxattr, llistxattr, lsetxattr};

/// How other writers of tar streams mark them.
pub(crate) const PREFIX: &str = "SCHILY.xattr.";
/// The longest value, and list of names, that the kernel gives.
const MOST: usize = 64 << 10;

/// Those of a file that belong to it wherever it lies: capabilities and what users gave it. A file system without any has none.
pub(crate) fn read(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut names = vec![0; MOST];
    let Ok(length) = llistxattr(path, &mut names) else { return Vec::new() };
    names[..length]
        .split(|byte| *byte == 0)
        .filter_map(|name| std::str::from_utf8(name).ok())
        .filter(|name| *name == "security.capability" || name.starts_with("user."))
        .filter_map(|name| {
            let mut value = vec![0; MOST];
            let length = lgetxattr(path, name, &mut value).ok()?;
            value.truncate(length);
            Some((name.to_owned(), value))
        })
        .collect()
}

/// Sets one, where the file system has any.
pub(crate) fn write(path: &Path, name: &[u8], value: &[u8]) {
    // Where it cannot be kept, the file is there all the same.
    let _ = lsetxattr(path, OsStr::from_bytes(name), value, XattrFlags::empty());
}
