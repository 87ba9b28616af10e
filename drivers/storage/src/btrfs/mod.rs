//! One btrfs subvolume per sandbox, in a pool of its own, with a quota group each.
//!
//! The pool is a file (see [`pool`]), never the file system that holds the layers: overlayfs takes the
//! subvolumes of one btrfs for one file system, and inode numbers would then repeat within a sandbox.

mod pool;

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use paddock_sys::btrfs::{self, Access};
use paddock_types::{CopyId, SandboxId};

pub use pool::{PoolConfig, is_attached};

use crate::{
    DATA, Error, FillError, Info, Storage, Usage, Volume, ensure_directory, ids_in, make_directories,
};

/// At the limit even deleting a file of the image needs new space (the mark that hides it), so every
/// sandbox has this much more than it was promised.
const SLACK_BYTES: u64 = 16 << 20;

/// A flush that took less than this left nearly nothing to write to the snapshot behind it.
const SETTLED: Duration = Duration::from_millis(50);
/// A volume that is written to all the time is flushed this often at most.
const FLUSH_ROUNDS: u32 = 8;

/// The pool and its subvolumes.
#[derive(Debug)]
pub struct Btrfs {
    mounted: PathBuf,
    volumes: PathBuf,
    /// Subvolumes that have no name yet, and throw-away ones.
    making: PathBuf,
    /// Read-only snapshots. They are made where they stay: a read-only subvolume cannot be moved.
    copies: PathBuf,
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
        let [volumes, making, copies] = ["volumes", "making", "copies"].map(|name| mounted.join(name));
        for directory in [&volumes, &making, &copies] {
            ensure_directory(directory)?;
        }
        for left in std::fs::read_dir(&making).map_err(Error::io("list", &making))? {
            let left = left.map_err(Error::io("list", &making))?;
            delete_subvolume(&making, &left.file_name().to_string_lossy())?;
        }
        Ok(Self { mounted, volumes, making, copies, reserve_bytes: config.reserve_bytes })
    }

    fn path(&self, id: SandboxId) -> PathBuf {
        self.volumes.join(id.to_string())
    }

    fn check_room(&self) -> Result<(), Error> {
        let free = self.free_bytes()?;
        if free < self.reserve_bytes {
            return Err(Error::PoolFull { free_mib: free >> 20, reserve_mib: self.reserve_bytes >> 20 });
        }
        Ok(())
    }

    /// A volume that is whole, open.
    fn open_whole(&self, id: SandboxId) -> Result<File, Error> {
        let volume = self.find_volume(id)?.ok_or(Error::NoVolume { id })?;
        open(volume.root())
    }

    /// Limits the subvolume at `path` to what was promised and the slack.
    fn limit(&self, path: &Path, limit_bytes: u64) -> Result<(), Error> {
        let (directory, subvolume) = self.subvolume(path)?;
        btrfs::limit_subvolume(&directory, subvolume, limit_bytes.saturating_add(SLACK_BYTES))
            .map_err(Error::io("limit", path))
    }

    /// Gives what was made as `name` its place, instead of a volume that is not whole.
    fn publish(&self, id: SandboxId) -> Result<Volume, Error> {
        let (making, path) = (self.making.join(id.to_string()), self.path(id));
        delete_subvolume(&self.volumes, &id.to_string())?;
        std::fs::rename(&making, &path).map_err(Error::io("name", &path))?;
        Ok(Volume::at(path))
    }

    /// Writes what the subvolume at `path` has not yet got to the disk. Making a snapshot does that for the one
    /// subvolume; the kernel has no smaller call that does.
    fn flush(&self, path: &Path, name: &str) -> Result<Duration, Error> {
        let source = open(path)?;
        let making = open(&self.making)?;
        let name = format!("flush-{name}");
        let mut took = Duration::MAX;
        for _ in 0..FLUSH_ROUNDS {
            delete_subvolume(&self.making, &name)?;
            let started = Instant::now();
            btrfs::snapshot(&source, &making, &name, Access::ReadOnly).map_err(Error::io("flush", path))?;
            took = started.elapsed();
            paddock_failpoint::hit("storage.flush.after_snapshot")?;
            delete_subvolume(&self.making, &name)?;
            if took < SETTLED {
                break;
            }
        }
        Ok(took)
    }

    fn free_bytes(&self) -> Result<u64, Error> {
        let directory = open(&self.mounted)?;
        free_bytes(&directory).map_err(Error::io("measure", &self.mounted))
    }

    fn subvolume(&self, path: &Path) -> Result<(File, u64), Error> {
        let directory = open(path)?;
        let subvolume = btrfs::subvolume_id(&directory).map_err(Error::io("identify", path))?;
        Ok((directory, subvolume))
    }
}

impl Storage for Btrfs {
    fn info(&self) -> Info {
        Info { name: "btrfs", enforces_size: true, shares_data: true }
    }

    fn ensure_volume(&self, id: SandboxId, limit_bytes: u64) -> Result<Volume, Error> {
        let path = self.path(id);
        if !path.is_dir() {
            self.check_room()?;
            match btrfs::create_subvolume(&open(&self.volumes)?, &id.to_string()) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                other => other.map_err(Error::io("make subvolume", &path))?,
            }
            paddock_failpoint::hit("storage.create.after_volume")?;
        }
        self.limit(&path, limit_bytes)?;
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
        let name = id.to_string();
        delete_subvolume(&self.making, &name)?;
        delete_subvolume(&self.volumes, &name)
    }

    fn flush_volume(&self, id: SandboxId) -> Result<Duration, Error> {
        let volume = self.find_volume(id)?.ok_or(Error::NoVolume { id })?;
        self.flush(volume.root(), &id.to_string())
    }

    fn fork_volume(&self, source: SandboxId, target: SandboxId, limit_bytes: u64) -> Result<Volume, Error> {
        if let Some(volume) = self.find_volume(target)? {
            self.limit(volume.root(), limit_bytes)?;
            return Ok(volume);
        }
        let from = self.open_whole(source)?;
        self.check_room()?;
        let name = target.to_string();
        delete_subvolume(&self.making, &name)?;
        paddock_failpoint::hit("storage.fork.before_copy")?;
        let making = self.making.join(&name);
        btrfs::snapshot(&from, &open(&self.making)?, &name, Access::ReadWrite)
            .map_err(Error::io("fork to", &making))?;
        paddock_failpoint::hit("storage.fork.after_copy")?;
        self.limit(&making, limit_bytes)?;
        paddock_failpoint::hit("storage.fork.after_limit")?;
        let volume = self.publish(target)?;
        paddock_failpoint::hit("storage.fork.after_name")?;
        Ok(volume)
    }

    fn restore_volume(
        &self,
        id: SandboxId,
        limit_bytes: u64,
        fill: &mut dyn FnMut(&Path) -> Result<(), FillError>,
    ) -> Result<Volume, Error> {
        if let Some(volume) = self.find_volume(id)? {
            self.limit(volume.root(), limit_bytes)?;
            return Ok(volume);
        }
        self.check_room()?;
        let name = id.to_string();
        let making = self.making.join(&name);
        delete_subvolume(&self.making, &name)?;
        btrfs::create_subvolume(&open(&self.making)?, &name).map_err(Error::io("make subvolume", &making))?;
        paddock_failpoint::hit("storage.restore.after_volume")?;
        self.limit(&making, limit_bytes)?;
        make_directories(&making)?;
        paddock_failpoint::hit("storage.restore.after_limit")?;
        if let Err(source) = fill(&making) {
            // What could not be filled may hold much: give the space back now.
            delete_subvolume(&self.making, &name)?;
            return Err(Error::Fill { id, source });
        }
        paddock_failpoint::hit("storage.restore.after_fill")?;
        self.flush(&making, &name)?;
        paddock_failpoint::hit("storage.restore.after_flush")?;
        let volume = self.publish(id)?;
        paddock_failpoint::hit("storage.restore.after_name")?;
        Ok(volume)
    }

    fn copy_for_export(&self, id: SandboxId, copy: CopyId) -> Result<Volume, Error> {
        let path = self.copies.join(copy.to_string());
        if path.is_dir() {
            return Ok(Volume::at(path));
        }
        let from = self.open_whole(id)?;
        self.check_room()?;
        paddock_failpoint::hit("storage.copy.before_copy")?;
        btrfs::snapshot(&from, &open(&self.copies)?, &copy.to_string(), Access::ReadOnly)
            .map_err(Error::io("copy to", &path))?;
        paddock_failpoint::hit("storage.copy.after_copy")?;
        Ok(Volume::at(path))
    }

    fn list_copies(&self) -> Result<Vec<CopyId>, Error> {
        ids_in(&self.copies)
    }

    fn delete_copy(&self, copy: CopyId) -> Result<(), Error> {
        delete_subvolume(&self.copies, &copy.to_string())
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

fn open(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(Error::io("open", path))
}

/// Removes the subvolume `name` of `directory`. One that is not there is no error.
fn delete_subvolume(directory: &Path, name: &str) -> Result<(), Error> {
    match btrfs::delete_subvolume(&open(directory)?, name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(Error::io("remove subvolume", directory.join(name))),
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
