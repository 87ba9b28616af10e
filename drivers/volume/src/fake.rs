//! Volumes for tests of what stands above: real directories, failures on request, and a memory of who has what open.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use paddock_sys::mount::Detached;
use paddock_types::{SandboxId, Subpath, VolumeId};

use crate::dir::Dir;
use crate::{Error, Info, Volumes};

/// [`Dir`] that is full when told to be.
#[derive(Debug)]
pub struct Fake {
    inner: Dir,
    full: AtomicBool,
    users: Mutex<BTreeSet<SandboxId>>,
}

impl Fake {
    /// Volumes beneath `directory`.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        Ok(Self { inner: Dir::open(directory)?, full: AtomicBool::new(false), users: Mutex::default() })
    }

    /// From now on, new volumes do (not) fit.
    pub fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    fn locked(&self) -> MutexGuard<'_, BTreeSet<SandboxId>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Volumes for Fake {
    fn info(&self) -> Info {
        Info { name: "fake", ..self.inner.info() }
    }

    fn ensure(&self, id: VolumeId) -> Result<(), Error> {
        if self.full.load(Ordering::SeqCst) && !self.list()?.contains(&id) {
            return Err(Error::PoolFull { free_mib: 0, reserve_mib: 1 });
        }
        self.inner.ensure(id)
    }

    fn list(&self) -> Result<Vec<VolumeId>, Error> {
        self.inner.list()
    }

    fn delete(&self, id: VolumeId) -> Result<(), Error> {
        self.inner.delete(id)
    }

    fn open(&self, id: VolumeId, subpath: Option<&Subpath>, user: SandboxId) -> Result<Detached, Error> {
        let opened = self.inner.open(id, subpath, user)?;
        self.locked().insert(user);
        Ok(opened)
    }

    fn close(&self, user: SandboxId) -> Result<(), Error> {
        self.locked().remove(&user);
        Ok(())
    }

    fn users(&self) -> Result<Vec<SandboxId>, Error> {
        Ok(self.locked().iter().copied().collect())
    }
}
