//! Plain directories, without a limit. For development on hosts without btrfs. The shortest complete implementation:
//! read it first.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use paddock_sys::mount::Detached;
use paddock_types::{SandboxId, Subpath, VolumeId};

use crate::steps::{ids_in, make_directory, mount_tree, open_volume, share};
use crate::{Error, Info, Volumes};

/// Volumes as directories beneath one.
#[derive(Debug)]
pub struct Dir {
    directory: PathBuf,
}

impl Dir {
    /// Volumes beneath `directory`, which is made if it is not there.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        make_directory(directory)?;
        Ok(Self { directory: directory.to_owned() })
    }

    fn path(&self, id: VolumeId) -> PathBuf {
        self.directory.join(id.to_string())
    }

    fn sync(&self) -> Result<(), Error> {
        let synced = File::open(&self.directory).and_then(|directory| directory.sync_all());
        synced.map_err(Error::io("sync", &self.directory))
    }
}

impl Volumes for Dir {
    fn info(&self) -> Info {
        Info { name: "dir", enforces_size: false, maps_ids: true }
    }

    fn ensure(&self, id: VolumeId) -> Result<(), Error> {
        let path = self.path(id);
        paddock_failpoint::hit("volume.create.before")?;
        match std::fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other.map_err(Error::io("make", &path))?,
        }
        paddock_failpoint::hit("volume.create.after_directory")?;
        paddock_failpoint::hit("volume.create.after_limit")?;
        share(&path, &open_volume(id, &path)?)?;
        self.sync()
    }

    fn list(&self) -> Result<Vec<VolumeId>, Error> {
        ids_in(&self.directory)
    }

    fn delete(&self, id: VolumeId) -> Result<(), Error> {
        let path = self.path(id);
        paddock_failpoint::hit("volume.delete.before")?;
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other.map_err(Error::io("remove", &path))?,
        }
        paddock_failpoint::hit("volume.delete.after")?;
        self.sync()
    }

    fn open(&self, id: VolumeId, subpath: Option<&Subpath>, _user: SandboxId) -> Result<Detached, Error> {
        paddock_failpoint::hit("volume.open.before")?;
        mount_tree(id, open_volume(id, &self.path(id))?.into(), subpath)
    }

    fn close(&self, _user: SandboxId) -> Result<(), Error> {
        Ok(())
    }

    fn users(&self) -> Result<Vec<SandboxId>, Error> {
        Ok(Vec::new())
    }
}
