//! Storage for tests of what stands above: real directories, and failures on request.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use paddock_types::{CopyId, SandboxId};

use crate::dir::Dir;
use crate::{Error, FillError, Info, Storage, Usage, Volume};

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

    /// From now on, new volumes and copies do (not) fit.
    pub fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    fn check_room(&self) -> Result<(), Error> {
        let is_full = self.full.load(Ordering::SeqCst);
        if is_full { Err(Error::PoolFull { free_mib: 0, reserve_mib: 1 }) } else { Ok(()) }
    }

    fn check_room_for(&self, id: SandboxId) -> Result<(), Error> {
        if self.inner.find_volume(id)?.is_some() { Ok(()) } else { self.check_room() }
    }
}

impl Storage for Fake {
    fn info(&self) -> Info {
        Info { name: "fake", ..self.inner.info() }
    }

    fn ensure_volume(&self, id: SandboxId, limit_bytes: u64) -> Result<Volume, Error> {
        self.check_room_for(id)?;
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

    fn flush_volume(&self, id: SandboxId) -> Result<Duration, Error> {
        self.inner.flush_volume(id)
    }

    fn fork_volume(&self, source: SandboxId, target: SandboxId, limit_bytes: u64) -> Result<Volume, Error> {
        self.check_room_for(target)?;
        self.inner.fork_volume(source, target, limit_bytes)
    }

    fn restore_volume(
        &self,
        id: SandboxId,
        limit_bytes: u64,
        fill: &mut dyn FnMut(&Path) -> Result<(), FillError>,
    ) -> Result<Volume, Error> {
        self.check_room_for(id)?;
        self.inner.restore_volume(id, limit_bytes, fill)
    }

    fn copy_for_export(&self, id: SandboxId, copy: CopyId) -> Result<Volume, Error> {
        self.check_room()?;
        self.inner.copy_for_export(id, copy)
    }

    fn list_copies(&self) -> Result<Vec<CopyId>, Error> {
        self.inner.list_copies()
    }

    fn delete_copy(&self, copy: CopyId) -> Result<(), Error> {
        self.inner.delete_copy(copy)
    }

    fn usage(&self, id: SandboxId) -> Result<Usage, Error> {
        self.inner.usage(id)
    }
}
