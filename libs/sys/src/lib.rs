//! The Linux calls that the drivers need, each as one safe function.
//!
//! This crate holds nearly all of paddock's `unsafe`. It knows nothing of sandboxes: it speaks of
//! descriptors, paths, namespaces and numbers. Every function is synchronous and may block; callers
//! keep it off their event loop. Functions that change the calling *thread* (its namespaces, its ids)
//! live behind [`thread::scoped`], which runs them on a thread of their own that then ends.

#![expect(unsafe_code, reason = "system calls; each block says why it holds")]

pub mod btrfs;
pub mod fd;
pub mod loopdev;
pub mod mount;
pub mod namespace;
pub mod netlink;
pub mod process;
pub mod thread;

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Turns the result of a system call into an [`io::Result`].
fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// As [`check`], for calls that return a C `int`.
fn check_int(result: libc::c_int) -> io::Result<libc::c_int> {
    check(libc::c_long::from(result)).map(|_| result)
}

/// A path as the kernel wants it.
fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "path holds a NUL byte"))
}

/// A text as the kernel wants it.
fn c_text(text: &str) -> io::Result<CString> {
    CString::new(text).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "text holds a NUL byte"))
}
