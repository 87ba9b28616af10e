//! Mounts, by the descriptor-based calls of Linux 5.2 and later.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

use crate::{c_path, c_text, check, check_int};

/// A mount that is attached nowhere yet. It vanishes with the descriptor unless [`attach`] was called.
#[derive(Debug)]
pub struct Detached(OwnedFd);

impl AsFd for Detached {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A detached copy of the mount at `path`, rooted at `path`, without what is mounted beneath.
pub fn clone_tree(path: &Path) -> io::Result<Detached> {
    let path = c_path(path)?;
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC;
    // SAFETY: the path is NUL-terminated and outlives the call.
    let fd = check(unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) })?;
    Ok(Detached(own(fd)))
}

/// A detached copy of the directory behind `directory`, without what is mounted beneath. It has to lie in a mount of the
/// calling thread's namespace.
pub fn clone_directory(directory: impl AsFd) -> io::Result<Detached> {
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | libc::AT_EMPTY_PATH.cast_unsigned();
    let directory = directory.as_fd().as_raw_fd();
    // SAFETY: the descriptor is open and the empty path valid for the call.
    let fd = check(unsafe { libc::syscall(libc::SYS_open_tree, directory, c"".as_ptr(), flags) })?;
    Ok(Detached(own(fd)))
}

/// Shows the files of `mount` with their ids mapped by `user_namespace`: a file that root owns on
/// disk belongs to root inside.
pub fn map_ids(mount: &Detached, user_namespace: impl AsFd) -> io::Result<()> {
    let fd = user_namespace.as_fd().as_raw_fd();
    set_attributes(mount, libc::MOUNT_ATTR_IDMAP, u64::try_from(fd).map_err(io::Error::other)?)
}

/// Forbids writing through `mount`, whatever its file system allows.
pub fn make_read_only(mount: &Detached) -> io::Result<()> {
    set_attributes(mount, libc::MOUNT_ATTR_RDONLY, 0)
}

/// Takes meaning from device nodes or set-user-id bits on `mount`, whatever its file system allows.
pub fn restrict(mount: &Detached, attributes: Attributes) -> io::Result<()> {
    set_attributes(mount, attributes.bits().into(), 0)
}

fn set_attributes(mount: &Detached, set: u64, user_namespace: u64) -> io::Result<()> {
    let attributes =
        libc::mount_attr { attr_set: set, attr_clr: 0, propagation: 0, userns_fd: user_namespace };
    // SAFETY: the struct and the empty path are valid for the call, and the size is the struct's own.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.0.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    })
    .map(|_| ())
}

/// Attaches `mount` at the directory or file `path` of the calling thread's mount namespace.
pub fn attach(mount: &Detached, path: &Path) -> io::Result<()> {
    const MOVE_MOUNT_F_EMPTY_PATH: libc::c_uint = 4;
    let path = c_path(path)?;
    // SAFETY: both paths are NUL-terminated and outlive the call.
    check(unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            mount.0.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_FDCWD,
            path.as_ptr(),
            MOVE_MOUNT_F_EMPTY_PATH,
        )
    })
    .map(|_| ())
}

/// Makes a file system of `kind` with `options` (a value of `None` is a flag) and returns its mount,
/// attached nowhere. `nodev` and `nosuid` say which mount attributes to set.
///
/// # Errors
/// The kernel's error; its own explanation, where it gives one, is part of the message.
pub fn make(kind: &str, options: &[(&str, Option<&str>)], attributes: Attributes) -> io::Result<Detached> {
    const FSOPEN_CLOEXEC: libc::c_uint = 1;
    const FSMOUNT_CLOEXEC: libc::c_uint = 1;
    let kind_c = c_text(kind)?;
    // SAFETY: NUL-terminated text that outlives the call.
    let context = own(check(unsafe { libc::syscall(libc::SYS_fsopen, kind_c.as_ptr(), FSOPEN_CLOEXEC) })?);
    let explain = |error: io::Error| explain(&context, kind, error);
    for (key, value) in options {
        let key = c_text(key)?;
        match value {
            Some(value) => configure(&context, FSCONFIG_SET_STRING, Some(&key), Some(&c_text(value)?)),
            None => configure(&context, FSCONFIG_SET_FLAG, Some(&key), None),
        }
        .map_err(explain)?;
    }
    configure(&context, FSCONFIG_CMD_CREATE, None, None).map_err(explain)?;
    // SAFETY: integers only.
    let fd = check(unsafe {
        libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), FSMOUNT_CLOEXEC, attributes.bits())
    })
    .map_err(explain)?;
    Ok(Detached(own(fd)))
}

/// Attributes of a new mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes {
    /// Device nodes on it are not devices.
    pub nodev: bool,
    /// Set-user-id bits on it mean nothing.
    pub nosuid: bool,
}

impl Attributes {
    fn bits(self) -> libc::c_uint {
        const MOUNT_ATTR_NOSUID: libc::c_uint = 2;
        const MOUNT_ATTR_NODEV: libc::c_uint = 4;
        (if self.nodev { MOUNT_ATTR_NODEV } else { 0 }) | (if self.nosuid { MOUNT_ATTR_NOSUID } else { 0 })
    }
}

const FSCONFIG_SET_FLAG: libc::c_uint = 0;
const FSCONFIG_SET_STRING: libc::c_uint = 1;
const FSCONFIG_CMD_CREATE: libc::c_uint = 6;

fn configure(
    context: &OwnedFd,
    command: libc::c_uint,
    key: Option<&std::ffi::CStr>,
    value: Option<&std::ffi::CStr>,
) -> io::Result<()> {
    let pointer = |text: Option<&std::ffi::CStr>| text.map_or(std::ptr::null(), std::ffi::CStr::as_ptr);
    // SAFETY: each pointer is null or a NUL-terminated text that outlives the call.
    check(unsafe {
        libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), command, pointer(key), pointer(value), 0)
    })
    .map(|_| ())
}

/// Adds what the kernel wrote into the context's log to `error`.
fn explain(context: &OwnedFd, kind: &str, error: io::Error) -> io::Error {
    let mut text = [0u8; 512];
    // SAFETY: the buffer is as long as said.
    let read = unsafe { libc::read(context.as_raw_fd(), text.as_mut_ptr().cast(), text.len()) };
    let said = usize::try_from(read).map(|n| String::from_utf8_lossy(&text[..n]).trim().to_owned());
    match said {
        Ok(said) if !said.is_empty() => io::Error::new(error.kind(), format!("{kind}: {error} ({said})")),
        _ => io::Error::new(error.kind(), format!("{kind}: {error}")),
    }
}

/// For [`classic`]: set-user-id bits and device nodes mean nothing.
pub const NOSUID_NODEV: libc::c_ulong = libc::MS_NOSUID | libc::MS_NODEV;

/// Mounts by the classic call, for what has no better one.
pub fn classic(source: &Path, target: &Path, kind: &str, flags: libc::c_ulong, data: &str) -> io::Result<()> {
    let (source, target) = (c_path(source)?, c_path(target)?);
    let (kind, data) = (c_text(kind)?, c_text(data)?);
    // SAFETY: NUL-terminated texts that outlive the call.
    check_int(unsafe {
        libc::mount(source.as_ptr(), target.as_ptr(), kind.as_ptr(), flags, data.as_ptr().cast())
    })
    .map(|_| ())
}

/// Shows the file or directory `source` at `target` too.
pub fn bind(source: &Path, target: &Path) -> io::Result<()> {
    attach(&clone_tree(source)?, target)
}

/// Makes a node of the null device at `path`, readable and writable by all.
pub fn make_null_device(path: &Path) -> io::Result<()> {
    let path = c_path(path)?;
    // SAFETY: NUL-terminated text that outlives both calls.
    unsafe {
        check_int(libc::mknod(path.as_ptr(), libc::S_IFCHR | 0o666, libc::makedev(1, 3)))?;
        check_int(libc::chmod(path.as_ptr(), 0o666)).map(|_| ())
    }
}

/// Cuts the mount at `path`, and all beneath, off from events of other namespaces.
pub fn make_private_recursive(path: &Path) -> io::Result<()> {
    classic(Path::new("none"), path, "", libc::MS_REC | libc::MS_PRIVATE, "")
}

/// Detaches the mount at `path`; it ends when nobody uses it any more.
pub fn detach(path: &Path) -> io::Result<()> {
    let path = c_path(path)?;
    // SAFETY: NUL-terminated text that outlives the call.
    check_int(unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH | libc::UMOUNT_NOFOLLOW) }).map(|_| ())
}

fn own(fd: libc::c_long) -> OwnedFd {
    let fd = i32::try_from(fd).unwrap_or(-1);
    // SAFETY: the kernel has just returned this descriptor to us and nobody else owns it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}
