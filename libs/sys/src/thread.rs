//! Work that needs a thread with namespaces or ids of its own.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use crate::{check, check_int};

/// Runs `work` on a new thread that shares neither working directory nor umask with the rest of the
/// process, so that it may join and make namespaces. The thread ends with the work: what it changed
/// about itself ends too. Blocks until then.
///
/// # Errors
/// What `work` returned, or why the thread could not be made.
pub fn scoped<T, E>(work: impl FnOnce() -> Result<T, E> + Send) -> Result<T, E>
where
    T: Send,
    E: From<io::Error> + Send,
{
    std::thread::scope(|scope| {
        let handle = std::thread::Builder::new().name("scoped".to_owned()).spawn_scoped(scope, || {
            // SAFETY: takes no pointers; affects this thread only.
            check_int(unsafe { libc::unshare(libc::CLONE_FS) })?;
            work()
        })?;
        match handle.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Moves the calling thread into the mount namespace behind `namespace`.
pub fn enter_mount_namespace(namespace: impl AsFd) -> io::Result<()> {
    enter(namespace, libc::CLONE_NEWNS)
}

/// Moves the calling thread into the network namespace behind `namespace`.
pub fn enter_network_namespace(namespace: impl AsFd) -> io::Result<()> {
    enter(namespace, libc::CLONE_NEWNET)
}

fn enter(namespace: impl AsFd, kind: libc::c_int) -> io::Result<()> {
    // SAFETY: the descriptor is open for the duration of the call; affects this thread only.
    check_int(unsafe { libc::setns(namespace.as_fd().as_raw_fd(), kind) }).map(|_| ())
}

/// Gives the calling thread a mount namespace of its own, a copy of the present one whose mounts
/// neither send events to nor receive events from any other.
pub fn unshare_mounts() -> io::Result<()> {
    // SAFETY: takes no pointers; affects this thread only (its fs context is already its own).
    check_int(unsafe { libc::unshare(libc::CLONE_NEWNS) })?;
    crate::mount::make_private_recursive(std::path::Path::new("/"))
}

/// Gives the calling thread an empty network namespace of its own and returns a handle to it.
pub fn unshare_network() -> io::Result<File> {
    // SAFETY: takes no pointers; affects this thread only.
    check_int(unsafe { libc::unshare(libc::CLONE_NEWNET) })?;
    File::open("/proc/thread-self/ns/net")
}

/// Makes `uid` and `gid` the effective ids of the calling thread while it keeps all capabilities.
/// What it creates from now on is owned by, and charged to, those ids.
pub fn assume_ids_keeping_capabilities(uid: u32, gid: u32) -> io::Result<()> {
    const SECBIT_NO_SETUID_FIXUP: libc::c_ulong = 1 << 2;
    // SAFETY: prctl with integer arguments; raw set*id calls act on this thread alone, unlike the
    // C library's wrappers, which signal every thread.
    unsafe {
        check_int(libc::prctl(libc::PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0))?;
        check(libc::syscall(libc::SYS_setresgid, u32::MAX, gid, u32::MAX))?;
        check(libc::syscall(libc::SYS_setresuid, u32::MAX, uid, u32::MAX))?;
    }
    Ok(())
}
