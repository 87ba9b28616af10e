//! Plain directories: no pool, no limit, and a fork copies every byte. For development on hosts without btrfs; must be
//! asked for. The shortest complete implementation: read it first.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use paddock_types::{CopyId, SandboxId};

use crate::{
    DATA, Error, FillError, Info, Storage, UPPER, Usage, Volume, ensure_directory, ids_in, make_directories,
};

/// Volumes as directories beneath one.
#[derive(Debug)]
pub struct Dir {
    volumes: PathBuf,
    /// What is being filled. Within `volumes`, so that it is on the same file system; its name is no id.
    making: PathBuf,
    copies: PathBuf,
}

impl Dir {
    /// Volumes beneath `volumes`, which is made if it is not there.
    pub fn open(volumes: &Path) -> Result<Self, Error> {
        std::fs::create_dir_all(volumes).map_err(Error::io("make", volumes))?;
        let storage = Self {
            volumes: volumes.to_owned(),
            making: volumes.join(".making"),
            copies: volumes.join(".copies"),
        };
        remove_tree(&storage.making)?;
        ensure_directory(&storage.making)?;
        ensure_directory(&storage.copies)?;
        Ok(storage)
    }

    fn path(&self, id: SandboxId) -> PathBuf {
        self.volumes.join(id.to_string())
    }

    /// An empty directory to make `name` in.
    fn make(&self, name: &str) -> Result<PathBuf, Error> {
        let making = self.making.join(name);
        remove_tree(&making)?;
        std::fs::create_dir(&making).map_err(Error::io("make", &making))?;
        make_directories(&making)?;
        Ok(making)
    }

    /// Copies what `source` holds to `making`. An overlay's *work* means nothing without the overlay.
    fn copy(&self, source: SandboxId, making: &Path) -> Result<(), Error> {
        let volume = self.find_volume(source)?.ok_or(Error::NoVolume { id: source })?;
        for name in [UPPER, DATA] {
            paddock_tree::copy::tree(&volume.root().join(name), &making.join(name))
                .map_err(|error| Error::Tree { id: source, source: error })?;
        }
        Ok(())
    }

    /// Gives the volume being made its name, in place of one that is not whole.
    fn publish(&self, making: &Path, id: SandboxId) -> Result<Volume, Error> {
        let path = self.path(id);
        remove_tree(&path)?;
        std::fs::rename(making, &path).map_err(Error::io("name", &path))?;
        Ok(Volume::at(path))
    }
}

impl Storage for Dir {
    fn info(&self) -> Info {
        Info { name: "dir", enforces_size: false, shares_data: false }
    }

    fn ensure_volume(&self, id: SandboxId, _limit_bytes: u64) -> Result<Volume, Error> {
        let path = self.path(id);
        ensure_directory(&path)?;
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
        remove_tree(&self.making.join(id.to_string()))?;
        remove_tree(&self.path(id))
    }

    /// There is no disk of ours to write to: the host's file system writes when it does.
    fn flush_volume(&self, id: SandboxId) -> Result<Duration, Error> {
        self.find_volume(id)?.map(|_| Duration::ZERO).ok_or(Error::NoVolume { id })
    }

    fn fork_volume(&self, source: SandboxId, target: SandboxId, _limit_bytes: u64) -> Result<Volume, Error> {
        if let Some(volume) = self.find_volume(target)? {
            return Ok(volume);
        }
        let making = self.make(&target.to_string())?;
        paddock_failpoint::hit("storage.fork.before_copy")?;
        self.copy(source, &making)?;
        paddock_failpoint::hit("storage.fork.after_copy")?;
        paddock_failpoint::hit("storage.fork.after_limit")?;
        let volume = self.publish(&making, target)?;
        paddock_failpoint::hit("storage.fork.after_name")?;
        Ok(volume)
    }

    fn restore_volume(
        &self,
        id: SandboxId,
        _limit_bytes: u64,
        fill: &mut dyn FnMut(&Path) -> Result<(), FillError>,
    ) -> Result<Volume, Error> {
        if let Some(volume) = self.find_volume(id)? {
            return Ok(volume);
        }
        let making = self.make(&id.to_string())?;
        paddock_failpoint::hit("storage.restore.after_volume")?;
        paddock_failpoint::hit("storage.restore.after_limit")?;
        let filled = fill(&making).map_err(|source| Error::Fill { id, source });
        if filled.is_err() {
            let _ = remove_tree(&making);
        }
        filled?;
        paddock_failpoint::hit("storage.restore.after_fill")?;
        paddock_failpoint::hit("storage.restore.after_flush")?;
        let volume = self.publish(&making, id)?;
        paddock_failpoint::hit("storage.restore.after_name")?;
        Ok(volume)
    }

    fn copy_for_export(&self, id: SandboxId, copy: CopyId) -> Result<Volume, Error> {
        let path = self.copies.join(copy.to_string());
        if path.is_dir() {
            return Ok(Volume::at(path));
        }
        let making = self.make(&copy.to_string())?;
        paddock_failpoint::hit("storage.copy.before_copy")?;
        self.copy(id, &making)?;
        std::fs::rename(&making, &path).map_err(Error::io("name", &path))?;
        paddock_failpoint::hit("storage.copy.after_copy")?;
        Ok(Volume::at(path))
    }

    fn list_copies(&self) -> Result<Vec<CopyId>, Error> {
        ids_in(&self.copies)
    }

    fn delete_copy(&self, copy: CopyId) -> Result<(), Error> {
        remove_tree(&self.copies.join(copy.to_string()))
    }

    fn usage(&self, _id: SandboxId) -> Result<Usage, Error> {
        Ok(Usage { used_bytes: 0, limit_bytes: None })
    }
}

fn remove_tree(path: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(Error::io("remove", path)),
    }
}
