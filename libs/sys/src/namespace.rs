//! User namespaces with a range of host ids, and the network namespaces inside them.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use crate::{check, check_int, thread};

/// A block of host ids that one user namespace maps its ids 0..`count` to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRange {
    /// The host id of the namespace's id 0, for users and groups alike.
    pub first: u32,
    /// How many ids.
    pub count: u32,
}

/// A user namespace and a network namespace that it owns. They live as long as these descriptors or
/// a process inside; no process is needed to hold them.
#[derive(Debug)]
pub struct Pair {
    /// The user namespace.
    pub user: OwnedFd,
    /// The network namespace, with nothing in it but a loopback device that is down.
    pub network: OwnedFd,
    /// The host ids of the user namespace.
    pub range: IdRange,
}

/// Whether `file` is a namespace: what a file is that one was mounted on.
pub fn is_namespace(file: &File) -> io::Result<bool> {
    const NSFS_MAGIC: libc::c_long = 0x6e73_6673;
    // SAFETY: an all-zero statfs is valid, and the call fills it.
    let stat = unsafe {
        let mut stat: libc::statfs = std::mem::zeroed();
        check_int(libc::fstatfs(file.as_raw_fd(), &raw mut stat))?;
        stat
    };
    Ok(stat.f_type == NSFS_MAGIC)
}

/// Makes a [`Pair`].
///
/// The maker's effective ids are the range's first while it does so: the kernel charges what is counted
/// per user (inotify instances, namespaces, keys) to the owner of a user namespace, so that no sandbox can
/// use up what belongs to the host's root or to its neighbours.
///
/// Needs CAP_SETUID, CAP_SETGID and CAP_SYS_ADMIN in the initial user namespace.
pub fn make_pair(range: IdRange) -> io::Result<Pair> {
    thread::scoped(|| {
        let (ready_read, ready_write) = io::pipe()?;
        let (hold_read, hold_write) = io::pipe()?;
        let hold = hold_read.as_raw_fd();
        let ready = ready_write.as_raw_fd();
        let flags = libc::CLONE_NEWUSER | libc::CLONE_NEWNET | libc::SIGCHLD;
        thread::assume_ids_keeping_capabilities(range.first, range.first)?;
        // SAFETY: like fork(2). The child makes only system calls on integers and on a local byte,
        // all async-signal-safe, and leaves by _exit, so the copied memory of this threaded
        // process is never used otherwise.
        let child = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
        if child == 0 {
            // SAFETY: as above.
            unsafe {
                let mut byte = 0u8;
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                libc::write(ready, (&raw const byte).cast(), 1);
                libc::read(hold, (&raw mut byte).cast(), 1);
                libc::_exit(0);
            }
        }
        let child = i32::try_from(check(child)?).map_err(|_| io::Error::other("pid out of range"))?;
        // The child's owner, and whoever may write its maps, is judged by real capabilities: take root's ids back.
        let result = thread::assume_ids_keeping_capabilities(0, 0).and_then(|()| {
            let mut byte = [0u8];
            let mut ready_read = ready_read;
            io::Read::read_exact(&mut ready_read, &mut byte)?;
            let map = format!("0 {} {}\n", range.first, range.count);
            std::fs::write(format!("/proc/{child}/uid_map"), &map)?;
            std::fs::write(format!("/proc/{child}/gid_map"), &map)?;
            Ok(Pair {
                user: File::open(format!("/proc/{child}/ns/user"))?.into(),
                network: File::open(format!("/proc/{child}/ns/net"))?.into(),
                range,
            })
        });
        drop(hold_write);
        drop(ready_write);
        // SAFETY: `child` is our own unreaped child, so the number cannot name another process.
        unsafe {
            libc::kill(child, libc::SIGKILL);
            libc::waitpid(child, std::ptr::null_mut(), 0);
        }
        result
    })
}
