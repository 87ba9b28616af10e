//! Plain directories: no pool, no limit. For development on hosts without btrfs; must be asked for.
//! The shortest complete implementation: read it first.

use std::io;
use std::path::{Path, PathBuf};

use paddock_types::SandboxId;

use crate::{DATA, Error, Info, Storage, Usage, Volume, ids_in, make_directories};

/// Volumes as directories beneath one.
#[derive(Debug)]
pub struct Dir {
    volumes: PathBuf,
}

impl Dir {
    /// Volumes beneath `volumes`, which is made if it is not there.
    pub fn open(volumes: &Path) -> Result<Self, Error> {
        std::fs::create_dir_all(volumes).map_err(Error::io("make", volumes))?;
        Ok(Self { volumes: volumes.to_owned() })
    }

    fn path(&self, id: SandboxId) -> PathBuf {
        self.volumes.join(id.to_string())
    }
}

impl Storage for Dir {
    fn info(&self) -> Info {
        Info { name: "dir", enforces_size: false }
    }

    fn ensure_volume(&self, id: SandboxId, _limit_bytes: u64) -> Result<Volume, Error> {
        let path = self.path(id);
        match std::fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other.map_err(Error::io("make", &path))?,
        }
        paddock_failpoint::hit("storage.create.after_volume")?;
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
        let path = self.path(id);
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other.map_err(Error::io("remove", path)),
        }
    }

    fn usage(&self, _id: SandboxId) -> Result<Usage, Error> {
        Ok(Usage { used_bytes: 0, limit_bytes: None })
    }
}
