//! The btrfs requests that storage needs: subvolumes and their quotas.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use crate::check_int;

const MAGIC: u64 = 0x94;
const QGROUP_LIMIT_MAX_REFERENCED: u64 = 1;
const QUOTA_CTL_ENABLE: u64 = 1;

const fn request(write: bool, read: bool, number: u64, size: usize) -> libc::c_ulong {
    let direction = (if write { 1 } else { 0 }) | (if read { 2 } else { 0 });
    ((direction << 30) | ((size as u64) << 16) | (MAGIC << 8) | number) as libc::c_ulong
}

#[repr(C)]
struct VolumeArguments {
    fd: i64,
    name: [u8; 4088],
}

#[repr(C)]
struct SnapshotArguments {
    fd: i64,
    transaction: u64,
    flags: u64,
    unused: [u64; 4],
    name: [u8; 4040],
}

#[repr(C)]
#[derive(Default)]
struct QuotaControl {
    command: u64,
    status: u64,
}

#[repr(C)]
#[derive(Default)]
struct QgroupLimit {
    qgroup: u64,
    flags: u64,
    max_referenced: u64,
    max_exclusive: u64,
    reserved_referenced: u64,
    reserved_exclusive: u64,
}

#[repr(C)]
struct InodeLookup {
    tree: u64,
    object: u64,
    name: [u8; 4080],
}

/// Makes the subvolume `name` in the directory `parent`.
pub fn create_subvolume(parent: &File, name: &str) -> io::Result<()> {
    volume_request(parent, name, 14)
}

/// Removes the subvolume `name` of the directory `parent`, with all it holds. The space comes back later.
pub fn delete_subvolume(parent: &File, name: &str) -> io::Result<()> {
    volume_request(parent, name, 15)
}

/// Makes the subvolume `name` in the directory `parent` hold what the subvolume `source` holds now, sharing all data. In
/// one transaction of the file system: it is there whole or not at all. What was written to `source` and is not yet on
/// the disk is written first, of that subvolume alone.
pub fn snapshot(source: &File, parent: &File, name: &str, access: Access) -> io::Result<()> {
    const SUBVOLUME_READ_ONLY: u64 = 2;
    let flags = match access {
        Access::ReadOnly => SUBVOLUME_READ_ONLY,
        Access::ReadWrite => 0,
    };
    let mut arguments = SnapshotArguments {
        fd: source.as_raw_fd().into(),
        transaction: 0,
        flags,
        unused: [0; 4],
        name: [0; 4040],
    };
    put_name(&mut arguments.name, name)?;
    let code = request(true, false, 23, size_of::<SnapshotArguments>());
    // SAFETY: the struct is laid out as the kernel's and lives through the call.
    check_int(unsafe { libc::ioctl(parent.as_raw_fd(), code as _, &raw const arguments) }).map(|_| ())
}

/// What may be done with a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It is never changed. It cannot be moved to another directory either.
    ReadOnly,
    /// It goes its own way.
    ReadWrite,
}

fn put_name(target: &mut [u8], name: &str) -> io::Result<()> {
    if name.is_empty() || name.len() > 255 || name.contains(['/', '\0']) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    target.iter_mut().zip(name.as_bytes()).for_each(|(slot, &byte)| *slot = byte);
    Ok(())
}

fn volume_request(parent: &File, name: &str, number: u64) -> io::Result<()> {
    let mut arguments = VolumeArguments { fd: 0, name: [0; 4088] };
    put_name(&mut arguments.name, name)?;
    let code = request(true, false, number, size_of::<VolumeArguments>());
    // SAFETY: the struct is laid out as the kernel's and lives through the call.
    check_int(unsafe { libc::ioctl(parent.as_raw_fd(), code as _, &raw const arguments) }).map(|_| ())
}

/// Switches quota groups on for the file system that `any` lies on. Doing it again is no error.
pub fn enable_quota(any: &File) -> io::Result<()> {
    let mut control = QuotaControl { command: QUOTA_CTL_ENABLE, status: 0 };
    let code = request(true, true, 40, size_of::<QuotaControl>());
    // SAFETY: as above.
    check_int(unsafe { libc::ioctl(any.as_raw_fd(), code as _, &raw mut control) }).map(|_| ())
}

/// The id of the subvolume that `inside` lies in.
pub fn subvolume_id(inside: &File) -> io::Result<u64> {
    const FIRST_FREE_OBJECT: u64 = 256;
    let mut lookup = InodeLookup { tree: 0, object: FIRST_FREE_OBJECT, name: [0; 4080] };
    let code = request(true, true, 18, size_of::<InodeLookup>());
    // SAFETY: as above.
    check_int(unsafe { libc::ioctl(inside.as_raw_fd(), code as _, &raw mut lookup) })?;
    Ok(lookup.tree)
}

/// Limits what the subvolume `subvolume` may refer to, in bytes. `any` is any file of the file system.
pub fn limit_subvolume(any: &File, subvolume: u64, max_bytes: u64) -> io::Result<()> {
    let limit = QgroupLimit {
        qgroup: subvolume,
        flags: QGROUP_LIMIT_MAX_REFERENCED,
        max_referenced: max_bytes,
        ..QgroupLimit::default()
    };
    let code = request(false, true, 43, size_of::<QgroupLimit>());
    // SAFETY: as above.
    check_int(unsafe { libc::ioctl(any.as_raw_fd(), code as _, &raw const limit) }).map(|_| ())
}

/// Has the file system that `any` lies on commit what it knows of directories and subvolumes, so that it survives a power
/// cut. Data that was written to files and not yet put on the disk stays where it is, the neighbours' too.
pub fn commit(any: &File) -> io::Result<()> {
    let mut transaction = 0u64;
    let start = request(false, true, 24, size_of::<u64>());
    let wait = request(true, false, 22, size_of::<u64>());
    // SAFETY: the number is valid for both calls.
    unsafe {
        check_int(libc::ioctl(any.as_raw_fd(), start as _, &raw mut transaction))?;
        check_int(libc::ioctl(any.as_raw_fd(), wait as _, &raw const transaction)).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_codes_are_the_kernels() {
        // Values as in the kernel's linux/btrfs.h, worked out by a C compiler.
        assert_eq!(request(true, false, 14, size_of::<VolumeArguments>()), 0x5000_940e);
        assert_eq!(request(true, true, 18, size_of::<InodeLookup>()), 0xd000_9412);
        assert_eq!(request(true, false, 23, size_of::<SnapshotArguments>()), 0x5000_9417);
        assert_eq!(request(true, true, 40, size_of::<QuotaControl>()), 0xc010_9428);
        assert_eq!(request(false, true, 24, size_of::<u64>()), 0x8008_9418);
        assert_eq!(request(true, false, 22, size_of::<u64>()), 0x4008_9416);
        assert_eq!(request(false, true, 43, size_of::<QgroupLimit>()), 0x8030_942b);
    }
}
