//! One btrfs subvolume per volume, with a quota group each, in the pool that holds the sandboxes' own files.
//!
//! A guest cannot make subvolumes of his own in one (they would have no limit): the runtime's filter of system calls
//! forbids it, and a test of isolation tries.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use paddock_sys::btrfs;
use paddock_sys::mount::Detached;
use paddock_types::{SandboxId, Subpath, VolumeId};

use crate::steps::{ids_in, make_directory, mount_tree, open_volume, share};
use crate::{Error, Info, Volumes};

/// Where volumes are, and how large.
#[derive(Debug, Clone)]
pub struct SubvolumeConfig {
    /// A directory of a mounted btrfs whose quotas are on. Made if it is not there.
    pub directory: PathBuf,
    /// The most bytes of one volume.
    pub limit_bytes: u64,
    /// With less than this free in the pool, no new volume is made.
    pub reserve_bytes: u64,
}

/// The subvolumes.
#[derive(Debug)]
pub struct Subvolumes {
    config: SubvolumeConfig,
}

impl Subvolumes {
    /// Makes the directory if it is not there.
    pub fn open(config: SubvolumeConfig) -> Result<Self, Error> {
        make_directory(&config.directory)?;
        Ok(Self { config })
    }

    fn path(&self, id: VolumeId) -> PathBuf {
        self.config.directory.join(id.to_string())
    }

    fn parent(&self) -> Result<File, Error> {
        File::open(&self.config.directory).map_err(Error::io("open", &self.config.directory))
    }

    fn check_room(&self) -> Result<(), Error> {
        let stat = rustix::fs::statvfs(&self.config.directory);
        let stat = stat.map_err(io::Error::from).map_err(Error::io("measure", &self.config.directory))?;
        let (free, reserve) = (stat.f_bavail.saturating_mul(stat.f_frsize), self.config.reserve_bytes);
        if free < reserve {
            return Err(Error::PoolFull { free_mib: free >> 20, reserve_mib: reserve >> 20 });
        }
        Ok(())
    }

    /// Limits the volume to what is configured now: an earlier start may have been told otherwise.
    fn limit(&self, id: VolumeId, directory: &File) -> Result<(), Error> {
        let subvolume = btrfs::subvolume_id(directory).map_err(Error::io("identify", self.path(id)))?;
        btrfs::limit_subvolume(directory, subvolume, self.config.limit_bytes)
            .map_err(Error::io("limit", self.path(id)))
    }
}

impl Volumes for Subvolumes {
    fn info(&self) -> Info {
        Info { name: "subvolume", enforces_size: true, maps_ids: true }
    }

    fn ensure(&self, id: VolumeId) -> Result<(), Error> {
        let path = self.path(id);
        paddock_failpoint::hit("volume.create.before")?;
        if !path.is_dir() {
            self.check_room()?;
            match btrfs::create_subvolume(&self.parent()?, &id.to_string()) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                other => other.map_err(Error::io("make subvolume", &path))?,
            }
        }
        paddock_failpoint::hit("volume.create.after_directory")?;
        let directory = open_volume(id, &path)?;
        self.limit(id, &directory)?;
        paddock_failpoint::hit("volume.create.after_limit")?;
        share(&path, &directory)?;
        btrfs::commit(&directory).map_err(Error::io("commit", &path))
    }

    fn list(&self) -> Result<Vec<VolumeId>, Error> {
        ids_in(&self.config.directory)
    }

    fn delete(&self, id: VolumeId) -> Result<(), Error> {
        paddock_failpoint::hit("volume.delete.before")?;
        let parent = self.parent()?;
        match btrfs::delete_subvolume(&parent, &id.to_string()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other.map_err(Error::io("remove subvolume", self.path(id)))?,
        }
        paddock_failpoint::hit("volume.delete.after")?;
        btrfs::commit(&parent).map_err(Error::io("commit", &self.config.directory))
    }

    fn open(&self, id: VolumeId, subpath: Option<&Subpath>, _user: SandboxId) -> Result<Detached, Error> {
        paddock_failpoint::hit("volume.open.before")?;
        let directory = open_volume(id, &self.path(id))?;
        self.limit(id, &directory)?;
        mount_tree(id, directory.into(), subpath)
    }

    /// An open tree leaves nothing on the host but itself.
    fn close(&self, _user: SandboxId) -> Result<(), Error> {
        Ok(())
    }

    fn users(&self) -> Result<Vec<SandboxId>, Error> {
        Ok(Vec::new())
    }
}
