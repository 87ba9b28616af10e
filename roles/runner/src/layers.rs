//! Layers of root file systems that were written out by a sandbox, as this host has them: unpacked, once for all.
//!
//! A layer is fetched into a directory with a name of its own, which gets the layer's, with its sum, only when all of it is on
//! the disk: what has that name is whole, and is that very object, whatever was killed when. What a kill left is removed at
//! the next start.
//!
//! Layers lie beside the records of sandboxes and are no sandbox's: each is bounded in bytes by what a sandbox's disk may hold,
//! and in files, and none is fetched when little room is left.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use paddock_porter::{Cancel, Porter};
use paddock_types::{ObjectId, ResourceLimits, StoredObject};

use crate::chain;
use crate::objects::{self, ObjectName};

/// The fail points of fetching a layer, in order.
pub const LAYER_STEPS: [&str; 3] =
    ["runner.layer.before_fetch", "runner.layer.after_fetch", "runner.layer.after_name"];

/// No layer is fetched while less is free on the file system of the runner's data: in bytes, and in files.
const RESERVE_BYTES: u64 = 1 << 30;
const RESERVE_FILES: u64 = 50_000;

/// The ending of what is not whole, or not to be any more.
const PART: &str = ".part";

/// The layers of one host.
#[derive(Debug)]
pub(crate) struct Layers {
    directory: PathBuf,
    /// Whoever fetches or removes a layer holds its lock.
    locks: Mutex<BTreeMap<ObjectId, Arc<Mutex<()>>>>,
    /// Those that are being written to the object store.
    exports: Mutex<BTreeSet<ObjectId>>,
}

/// Says that a layer is being written to the object store, while it lives.
#[derive(Debug)]
pub(crate) struct Exporting {
    layers: Arc<Layers>,
    id: ObjectId,
}

impl Drop for Exporting {
    fn drop(&mut self) {
        self.layers.exports().remove(&self.id);
    }
}

impl Layers {
    /// Removes what a kill has left half made. Blocks.
    pub(crate) fn open(directory: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        for entry in fs::read_dir(&directory)? {
            let path = entry?.path();
            if path.as_os_str().to_string_lossy().ends_with(PART) {
                fs::remove_dir_all(path)?;
            }
        }
        Ok(Self { directory, locks: Mutex::default(), exports: Mutex::default() })
    }

    /// From now until the result is dropped, the layer is not removed.
    pub(crate) fn exporting(self: &Arc<Self>, id: ObjectId) -> Exporting {
        self.exports().insert(id);
        Exporting { layers: Arc::clone(self), id }
    }

    /// Where a layer lies unpacked, fetched if it is not here yet, and how many bytes it takes. Blocks.
    pub(crate) fn ensure(
        &self,
        porter: &Porter,
        layer: &StoredObject,
        cancel: &Cancel,
    ) -> Result<(PathBuf, u64), String> {
        let lock = self.lock_of(layer.id);
        let _held = lock.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.directory.join(format!("{}.{}", layer.id, layer.digest));
        if !path.is_dir() {
            self.fetch(porter, layer, &path, cancel)?;
        }
        let size = size_of_tree(&path).map_err(|error| format!("could not measure a layer: {error}"))?;
        Ok((path, size))
    }

    fn fetch(
        &self,
        porter: &Porter,
        layer: &StoredObject,
        path: &Path,
        cancel: &Cancel,
    ) -> Result<(), String> {
        hit("runner.layer.before_fetch")?;
        self.refuse_when_full()?;
        let part = part_of(path);
        let fetched = (|| {
            remove_tree(&part).map_err(|error| format!("could not remove an old try: {error}"))?;
            fs::create_dir(&part).map_err(|error| format!("could not make a layer's directory: {error}"))?;
            let most = ResourceLimits::DEFAULT.0.disk.bytes();
            objects::import(porter, ObjectName::Layer { id: layer.id }, layer, &part, most, cancel)
                .map_err(|error| chain(&error))?;
            sync(&part).map_err(|error| format!("could not write a layer to the disk: {error}"))?;
            hit("runner.layer.after_fetch")?;
            fs::rename(&part, path).map_err(|error| format!("could not name a layer: {error}"))?;
            sync(&self.directory).map_err(|error| format!("could not write a layer to the disk: {error}"))
        })();
        if fetched.is_err() {
            // What stays is removed at the next start.
            let _ = fs::remove_dir_all(&part);
        }
        fetched?;
        hit("runner.layer.after_name")
    }

    /// Removes a layer from the object store and from this host. `Ok(false)`: it is being written or fetched; later. Blocks.
    pub(crate) fn remove(&self, porter: &Porter, id: ObjectId) -> Result<bool, String> {
        self.remove_with(id, || {
            objects::delete(porter, ObjectName::Layer { id }).map_err(|error| chain(&error))
        })
    }

    /// Removes a layer from this host alone: it is fetched again when somebody needs it. The same `Ok(false)`. Blocks.
    pub(crate) fn evict(&self, id: ObjectId) -> Result<bool, String> {
        self.remove_with(id, || Ok(()))
    }

    fn remove_with(&self, id: ObjectId, first: impl FnOnce() -> Result<(), String>) -> Result<bool, String> {
        if self.exports().contains(&id) {
            return Ok(false);
        }
        let lock = self.lock_of(id);
        let _held = match lock.try_lock() {
            Ok(held) => held,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(false),
        };
        first()?;
        self.remove_here(id).map_err(|error| format!("could not remove a layer: {error}"))?;
        self.locks().remove(&id);
        Ok(true)
    }

    /// Removes all directories of a layer: of each sum that it was ever fetched with, whole or not.
    fn remove_here(&self, id: ObjectId) -> io::Result<()> {
        let beginning = format!("{id}.");
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !name.starts_with(&beginning) {
                continue;
            }
            // One that is removed half must not be taken for a whole one.
            let part = if name.ends_with(PART) { path } else { part_of(&path) };
            if !name.ends_with(PART) {
                remove_tree(&part)?;
                fs::rename(self.directory.join(name), &part)?;
            }
            remove_tree(&part)?;
        }
        Ok(())
    }

    fn refuse_when_full(&self) -> Result<(), String> {
        let room = rustix::fs::statvfs(&self.directory)
            .map_err(|error| format!("could not look at the disk: {error}"))?;
        let free = room.f_bavail.saturating_mul(room.f_frsize);
        // File systems that make files as they are needed tell of none.
        let has_files = room.f_files == 0 || room.f_favail >= RESERVE_FILES;
        if free < RESERVE_BYTES || !has_files {
            return Err("the host has too little room for another layer".to_owned());
        }
        Ok(())
    }

    fn lock_of(&self, id: ObjectId) -> Arc<Mutex<()>> {
        Arc::clone(self.locks().entry(id).or_default())
    }

    fn locks(&self) -> MutexGuard<'_, BTreeMap<ObjectId, Arc<Mutex<()>>>> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn exports(&self) -> MutexGuard<'_, BTreeSet<ObjectId>> {
        self.exports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn part_of(path: &Path) -> PathBuf {
    let mut part = path.as_os_str().to_owned();
    part.push(PART);
    part.into()
}

/// Removes a directory with all in it. One that is not there is no error.
fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Writes everything of the file system that `path` lies on to the disk: a layer has too many files to sync each.
fn sync(path: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(path)?)?)
}

/// Bytes on disk of everything beneath `path`, links not followed.
fn size_of_tree(path: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut total = 0;
    let mut directories = vec![path.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            total += metadata.blocks() * 512 / metadata.nlink().max(1);
            if metadata.is_dir() {
                total += metadata.blocks() * 512;
                directories.push(entry.path());
            }
        }
    }
    Ok(total)
}

fn hit(point: &'static str) -> Result<(), String> {
    paddock_failpoint::hit(point).map_err(|error| error.to_string())
}
