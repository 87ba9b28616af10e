//! Storage for tests of what stands above: real directories, and failures on request.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use paddock_types::SandboxId;

use crate::dir::Dir;
use crate::{Error, Info, Storage, Usage, Volume};

/// [`Dir`] that is full when told to be.
#[derive(Debug)]
pub struct Fake {
    inner: Dir,
    full: AtomicBool,
}

impl Fake {
    /// Volumes beneath `volumes`.
    pub fn open(volumes: &Path) -> Result<Self, Error> {
        Ok(Self { inner: Dir::open(volumes)?, full: AtomicBool::new(false) })
    }

    /// From now on, new volumes do (not) fit.
    pub fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }
}

impl Storage for Fake {
    fn info(&self) -> Info {
        Info { name: "fake", enforces_size: false }
    }

    fn ensure_volume(&self, id: SandboxId, limit_bytes: u64) -> Result<Volume, Error> {
        if self.full.load(Ordering::SeqCst) && self.inner.find_volume(id)?.is_none() {
            return Err(Error::PoolFull { free_mib: 0, reserve_mib: 1 });
        }
        self.inner.ensure_volume(id, limit_bytes)
    }

    fn find_volume(&self, id: SandboxId) -> Result<Option<Volume>, Error> {
        self.inner.find_volume(id)
    }

    fn list_volumes(&self) -> Result<Vec<SandboxId>, Error> {
        self.inner.list_volumes()
    }

    fn delete_volume(&self, id: SandboxId) -> Result<(), Error> {
        self.inner.delete_volume(id)
    }

    fn usage(&self, id: SandboxId) -> Result<Usage, Error> {
        self.inner.usage(id)
    }
}
