//! Loop devices: a file shown as a disk.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use crate::check_int;

const LOOP_CTL_GET_FREE: libc::c_ulong = 0x4C82;
const LOOP_CONFIGURE: libc::c_ulong = 0x4C0A;
const LOOP_CLR_FD: libc::c_ulong = 0x4C01;
const LO_FLAGS_AUTOCLEAR: u32 = 4;
const LO_FLAGS_DIRECT_IO: u32 = 16;

#[repr(C)]
struct LoopInfo64 {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    sizelimit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    info: LoopInfo64,
    reserved: [u64; 8],
}

/// A loop device over a file. It frees itself when it is closed and no mount uses it.
#[derive(Debug)]
pub struct LoopDevice {
    device: File,
    path: PathBuf,
}

impl LoopDevice {
    /// Shows `backing` (open for reading and writing) as a disk, with direct I/O where the file system
    /// under it can, so that its pages are cached once and a write that fails, fails.
    pub fn over(backing: &File, name: &Path) -> io::Result<Self> {
        let control = File::options().read(true).write(true).open("/dev/loop-control")?;
        loop {
            // SAFETY: this request takes no argument.
            let number = check_int(unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE as _) })?;
            let path = PathBuf::from(format!("/dev/loop{number}"));
            let device = File::options().read(true).write(true).open(&path)?;
            let with_direct = configure(&device, backing, name, LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO);
            let result = match with_direct {
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                    configure(&device, backing, name, LO_FLAGS_AUTOCLEAR)
                }
                other => other,
            };
            match result {
                Ok(()) => return Ok(Self { device, path }),
                // Somebody else took the free one between our two calls.
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The device node.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Frees the device as soon as nobody uses it.
    pub fn clear(&self) -> io::Result<()> {
        // SAFETY: this request takes no argument.
        check_int(unsafe { libc::ioctl(self.device.as_raw_fd(), LOOP_CLR_FD as _) }).map(|_| ())
    }
}

fn configure(device: &File, backing: &File, name: &Path, flags: u32) -> io::Result<()> {
    let mut file_name = [0u8; 64];
    let text = name.as_os_str().as_encoded_bytes();
    // The kernel keeps 63 bytes; the end of a path says more than its beginning.
    let shown = &text[text.len().saturating_sub(63)..];
    file_name[..shown.len()].copy_from_slice(shown);
    let config = LoopConfig {
        fd: u32::try_from(backing.as_raw_fd()).map_err(io::Error::other)?,
        block_size: 0,
        info: LoopInfo64 {
            device: 0,
            inode: 0,
            rdevice: 0,
            offset: 0,
            sizelimit: 0,
            number: 0,
            encrypt_type: 0,
            encrypt_key_size: 0,
            flags,
            file_name,
            crypt_name: [0; 64],
            encrypt_key: [0; 32],
            init: [0; 2],
        },
        reserved: [0; 8],
    };
    // SAFETY: the struct is laid out as the kernel's `loop_config` and lives through the call.
    check_int(unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE as _, &raw const config) }).map(|_| ())
}
