//! The file that holds all sandboxes' own files, shown as a disk, formatted as btrfs.
//!
//! The file is fully allocated: with a sparse one, a full host file system turned the whole pool
//! read-only and lost acknowledged data. There is never more than one loop device over it: two would
//! be two disks to the kernel, and two mounts of one file system that know nothing of each other.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use paddock_sys::loopdev::LoopDevice;
use paddock_sys::mount;

use crate::Error;

/// Where the pool is and how large.
#[derive(Debug, Clone)]
pub struct PoolConfig {
    /// The file.
    pub file: PathBuf,
    /// Where it is mounted.
    pub mount_point: PathBuf,
    /// The size of a new pool. An existing one keeps its size.
    pub size_bytes: u64,
    /// With less than this free, no new volume is made.
    pub reserve_bytes: u64,
}

/// Makes, attaches and mounts the pool, as far as that is not so already.
pub(super) fn ensure_mounted(config: &PoolConfig) -> Result<(), Error> {
    let point = &config.mount_point;
    std::fs::create_dir_all(point).map_err(Error::io("make", point))?;
    if is_mount_point(point).map_err(Error::io("look at", point))? {
        return Ok(());
    }
    ensure_formatted(config)?;
    let file =
        File::options().read(true).write(true).open(&config.file).map_err(Error::io("open", &config.file))?;
    let file_id = identity(&file).map_err(Error::io("look at", &config.file))?;
    // Running sandboxes keep the file system, and so the device, in use when our own mount is gone.
    let existing = device_over(file_id).map_err(Error::io("find the loop device of", &config.file))?;
    let (device, _open) = match existing {
        Some(device) => (device, None),
        None => {
            let device = LoopDevice::over(&file, &config.file).map_err(Error::io("attach", &config.file))?;
            (device.path().to_owned(), Some(device))
        }
    };
    let source = device.to_string_lossy();
    let options = [("source", Some(source.as_ref())), ("nodiscard", None)];
    let mounted = mount::make("btrfs", &options, mount::Attributes { nodev: true, nosuid: false })
        .map_err(Error::io("mount", &config.file))?;
    mount::attach(&mounted, point).map_err(Error::io("mount the pool at", point))
}

fn ensure_formatted(config: &PoolConfig) -> Result<(), Error> {
    if config.file.exists() {
        return Ok(());
    }
    let making = config.file.with_extension("making");
    let _ = std::fs::remove_file(&making);
    let file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&making)
        .map_err(Error::io("make", &making))?;
    allocate(&file, config.size_bytes).map_err(|source| {
        let _ = std::fs::remove_file(&making);
        Error::io("allocate the pool in", &making)(source)
    })?;
    let output = Command::new("mkfs.btrfs")
        .args(["--quiet", "--nodiscard", "--metadata", "single", "--label", "paddock"])
        .arg(&making)
        .output()
        .map_err(Error::io("run mkfs.btrfs on", &making))?;
    if !output.status.success() {
        let output = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Error::Program { program: "mkfs.btrfs", output });
    }
    file.sync_all().map_err(Error::io("sync", &making))?;
    std::fs::rename(&making, &config.file).map_err(Error::io("name", &config.file))
}

#[expect(unsafe_code, reason = "one call with integers")]
fn allocate(file: &File, size_bytes: u64) -> io::Result<()> {
    let size = i64::try_from(size_bytes).map_err(io::Error::other)?;
    // SAFETY: integers only.
    let code = unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, size) };
    if code != 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Whether a loop device is over the pool file. One that does not exist is not attached.
pub fn is_attached(pool: &Path) -> Result<bool, Error> {
    let file = match File::open(pool) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other.map_err(Error::io("open", pool))?,
    };
    let device = identity(&file).and_then(device_over).map_err(Error::io("find the loop device of", pool))?;
    Ok(device.is_some())
}

/// Device and inode of a file: what it is, whatever its name.
fn identity(file: &File) -> io::Result<(u64, u64)> {
    let metadata = file.metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

/// The loop device over the file, if there is one.
fn device_over(file_id: (u64, u64)) -> io::Result<Option<PathBuf>> {
    for entry in std::fs::read_dir("/sys/block")? {
        let entry = entry?;
        let Ok(backing) = std::fs::read_to_string(entry.path().join("loop/backing_file")) else { continue };
        let same =
            File::open(backing.trim_end()).and_then(|file| identity(&file)).is_ok_and(|id| id == file_id);
        if same {
            return Ok(Some(Path::new("/dev").join(entry.file_name())));
        }
    }
    Ok(None)
}

fn is_mount_point(path: &Path) -> io::Result<bool> {
    let parent = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    Ok(path.metadata()?.dev() != parent.metadata()?.dev())
}

/// Where the kernel shows the quota groups of the file system mounted at `mounted`.
pub(super) fn quota_group_directory(mounted: &Path) -> Result<PathBuf, Error> {
    let root = Path::new("/sys/fs/btrfs");
    // Found by the device: its directory lists the devices of the file system.
    let source = mounted_source(mounted).map_err(Error::io("find the device of", mounted))?;
    for entry in std::fs::read_dir(root).map_err(Error::io("list", root))? {
        let path = entry.map_err(Error::io("list", root))?.path();
        if path.join("devices").join(&source).exists() {
            return Ok(path.join("qgroups"));
        }
    }
    Err(Error::io("find the quota groups of", mounted)(io::ErrorKind::NotFound.into()))
}

/// The name of the device under `mounted` (`loop3`), from the mount table.
fn mounted_source(mounted: &Path) -> io::Result<String> {
    let table = std::fs::read_to_string("/proc/thread-self/mountinfo")?;
    let wanted = mounted.to_string_lossy();
    table
        .lines()
        .filter_map(|line| line.split_once(" - "))
        .filter(|(left, _)| left.split(' ').nth(4) == Some(&*wanted))
        .filter_map(|(_, right)| right.split(' ').nth(1)?.strip_prefix("/dev/"))
        .next_back()
        .map(str::to_owned)
        .ok_or_else(|| io::ErrorKind::NotFound.into())
}
