//! One btrfs subvolume per sandbox, in a pool of its own, with a quota group each.
//!
//! The pool is a file (see [`pool`]), never the file system that holds the layers: overlayfs takes the
//! subvolumes of one btrfs for one file system, and inode numbers would then repeat within a sandbox.

mod pool;

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use paddock_sys::btrfs;
use paddock_types::SandboxId;

pub use pool::{PoolConfig, is_attached};

use crate::{DATA, Error, Info, Storage, Usage, Volume, ids_in, make_directories};

/// At the limit even deleting a file of the image needs new space (the mark that hides it), so every
/// sandbox has this much more than it was promised.
const SLACK_BYTES: u64 = 16 << 20;

/// The pool and its subvolumes.
#[derive(Debug)]
pub struct Btrfs {
    mounted: PathBuf,
    volumes: PathBuf,
    reserve_bytes: u64,
}

impl Btrfs {
    /// Makes the pool if there is none, mounts it in the calling process's mount namespace if it is not
    /// mounted, and switches quotas on. The namespace must be a private one that outlives the process.
    pub fn open(config: &PoolConfig) -> Result<Self, Error> {
        pool::ensure_mounted(config)?;
        let mounted = config.mount_point.clone();
        let any = File::open(&mounted).map_err(Error::io("open", &mounted))?;
        btrfs::enable_quota(&any).map_err(Error::io("enable quotas on", &mounted))?;
        let volumes = mounted.join("volumes");
        match std::fs::create_dir(&volumes) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other.map_err(Error::io("make", &volumes))?,
        }
        Ok(Self { mounted, volumes, reserve_bytes: config.reserve_bytes })
    }

    fn path(&self, id: SandboxId) -> PathBuf {
        self.volumes.join(id.to_string())
    }

    fn open_volumes(&self) -> Result<File, Error> {
        File::open(&self.volumes).map_err(Error::io("open", &self.volumes))
    }

    fn free_bytes(&self) -> Result<u64, Error> {
        let directory = File::open(&self.mounted).map_err(Error::io("open", &self.mounted))?;
        free_bytes(&directory).map_err(Error::io("measure", &self.mounted))
    }

    fn subvolume(&self, path: &Path) -> Result<(File, u64), Error> {
        let directory = File::open(path).map_err(Error::io("open", path))?;
        let subvolume = btrfs::subvolume_id(&directory).map_err(Error::io("identify", path))?;
        Ok((directory, subvolume))
    }
}

impl Storage for Btrfs {
    fn info(&self) -> Info {
        Info { name: "btrfs", enforces_size: true }
    }

    fn ensure_volume(&self, id: SandboxId, limit_bytes: u64) -> Result<Volume, Error> {
        let path = self.path(id);
        if !path.is_dir() {
            let free = self.free_bytes()?;
            if free < self.reserve_bytes {
                return Err(Error::PoolFull { free_mib: free >> 20, reserve_mib: self.reserve_bytes >> 20 });
            }
            match btrfs::create_subvolume(&self.open_volumes()?, &id.to_string()) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                other => other.map_err(Error::io("make subvolume", &path))?,
            }
            paddock_failpoint::hit("storage.create.after_volume")?;
        }
        let (directory, subvolume) = self.subvolume(&path)?;
        btrfs::limit_subvolume(&directory, subvolume, limit_bytes.saturating_add(SLACK_BYTES))
            .map_err(Error::io("limit", &path))?;
        make_directories(&path)?;
        Ok(Volume::at(path))
    }

    fn find_volume(&self, id: SandboxId) -> Result<Option<Volume>, Error> {
        let path = self.path(id);
        Ok(path.join(DATA).is_dir().then(|| Volume::at(path)))
    }

    fn list_volumes(&self) -> Result<Vec<SandboxId>, Error> {
        ids_in(&self.volumes)
    }

    fn delete_volume(&self, id: SandboxId) -> Result<(), Error> {
        match btrfs::delete_subvolume(&self.open_volumes()?, &id.to_string()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other.map_err(Error::io("remove subvolume", self.path(id))),
        }
    }

    fn usage(&self, id: SandboxId) -> Result<Usage, Error> {
        let path = self.path(id);
        let (_, subvolume) = self.subvolume(&path)?;
        let group = pool::quota_group_directory(&self.mounted)?.join(format!("0_{subvolume}"));
        let read = |name: &str| -> Result<u64, Error> {
            let file = group.join(name);
            let text = std::fs::read_to_string(&file).map_err(Error::io("read", &file))?;
            text.trim()
                .parse()
                .map_err(|_| Error::io("read a number from", &file)(io::ErrorKind::InvalidData.into()))
        };
        Ok(Usage {
            used_bytes: read("referenced")?,
            limit_bytes: Some(read("max_referenced")?.saturating_sub(SLACK_BYTES)),
        })
    }
}

#[expect(unsafe_code, reason = "one call that fills a struct")]
fn free_bytes(directory: &File) -> io::Result<u64> {
    // SAFETY: an all-zero statvfs is valid, and the call fills it.
    let stat = unsafe {
        let mut stat: libc::statvfs = std::mem::zeroed();
        if libc::fstatvfs(directory.as_raw_fd(), &raw mut stat) != 0 {
            return Err(io::Error::last_os_error());
        }
        stat
    };
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
