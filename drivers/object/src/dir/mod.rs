//! Objects as files beneath a directory. The shortest complete implementation: read it first.
//!
//! An object `a/b` is the file `objects/a/b~`: its content, and behind that a line with its sum. So it gets its name and
//! its sum in one step, and tools can read it. An unfinished upload is the file `uploads/a+b` with its parts one behind
//! the other, and `uploads/a+b~` with the host's boot and a line for each part. (`~` and `+` are in no key.)
//!
//! Parts are not waited for to reach the disk, only whole objects are. So an unfinished upload outlives its process and
//! not its host: the list of another boot is none.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::{Digest, Error, Meta, ObjectKey, ObjectStore, Part};

/// What stands behind an object's content: this, 64 digits, a line's end.
const SUM: &[u8] = b"\npaddock sha256 ";
const SUM_BYTES: u64 = SUM.len() as u64 + 65;

/// Objects beneath one directory.
#[derive(Debug)]
pub struct Dir {
    objects: PathBuf,
    uploads: PathBuf,
    boot: String,
}

impl Dir {
    /// Objects beneath `root`, which must be there and may be written to.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").map_err(told)?;
        let (objects, uploads) = (root.join("objects"), root.join("uploads"));
        let store = Self { objects, uploads, boot: boot.trim().to_owned() };
        for path in [&store.objects, &store.uploads] {
            fs::create_dir_all(path).map_err(told)?;
        }
        Ok(store)
    }

    fn object(&self, key: &ObjectKey) -> PathBuf {
        self.objects.join(format!("{key}~"))
    }

    fn upload(&self, key: &ObjectKey) -> PathBuf {
        self.uploads.join(key.as_str().replace('/', "+"))
    }

    fn parts_list(&self, key: &ObjectKey) -> PathBuf {
        self.uploads.join(key.as_str().replace('/', "+") + "~")
    }

    /// The parts that are told of and are there. What a kill left of a further one is cut off by the next.
    fn parts(&self, key: &ObjectKey) -> Result<Vec<Part>, Error> {
        let text = match fs::read_to_string(self.parts_list(key)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(told)?,
        };
        let stored = fs::metadata(self.upload(key)).map_or(0, |file| file.len());
        let mut end = 0;
        let (boot, lines) = text.split_once('\n').unwrap_or_default();
        let lines = if boot == self.boot { lines } else { "" };
        let told = lines.lines().map_while(|line| serde_json::from_str::<Part>(line).ok());
        Ok(told
            .take_while(|part| {
                end += part.size_bytes;
                end <= stored
            })
            .collect())
    }

    fn write_list(&self, key: &ObjectKey, parts: &[Part]) -> Result<(), Error> {
        let mut text = format!("{}\n", self.boot).into_bytes();
        for part in parts {
            serde_json::to_writer(&mut text, part).map_err(|error| told(error.into()))?;
            text.push(b'\n');
        }
        fs::write(self.parts_list(key), &text).map_err(told)
    }

    fn remove(path: &Path) -> Result<(), Error> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(told(error)),
            _ => Ok(()),
        }
    }
}

impl ObjectStore for Dir {
    fn head(&self, key: &ObjectKey) -> Result<Option<Meta>, Error> {
        let file = match File::open(self.object(key)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(told)?,
        };
        let length = file.metadata().map_err(told)?.len();
        let damaged = || Error::Damaged { key: key.clone() };
        let size_bytes = length.checked_sub(SUM_BYTES).ok_or_else(damaged)?;
        let mut line = [0; SUM_BYTES as usize];
        file.read_exact_at(&mut line, size_bytes).map_err(told)?;
        let digits = line.strip_prefix(SUM).and_then(|rest| rest.strip_suffix(b"\n")).ok_or_else(damaged)?;
        let digest = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok());
        Ok(Some(Meta { size_bytes, digest: digest.ok_or_else(damaged)? }))
    }

    fn read(&self, key: &ObjectKey, from: u64) -> Result<Box<dyn Read + Send>, Error> {
        let meta = self.head(key)?.ok_or_else(|| Error::NotFound { key: key.clone() })?;
        let mut file = File::open(self.object(key)).map_err(told)?;
        file.seek(SeekFrom::Start(from)).map_err(told)?;
        Ok(Box::new(file.take(meta.size_bytes.saturating_sub(from))))
    }

    fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        [self.parts_list(key), self.upload(key), self.object(key)]
            .iter()
            .try_for_each(|path| Self::remove(path))?;
        // Directories that became empty go along; a full one says so and stays.
        let parents =
            key.as_str().match_indices('/').rev().map(|(at, _)| key.as_str().get(..at).unwrap_or_default());
        parents
            .map(|parent| self.objects.join(parent))
            .take_while(|path| fs::remove_dir(path).is_ok())
            .count();
        Ok(())
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectKey>, Error> {
        let mut keys = Vec::new();
        let mut directories = vec![(self.objects.clone(), String::new())];
        while let Some((path, before)) = directories.pop() {
            let entries = match fs::read_dir(&path) {
                // Removed with its last object since it was seen.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other.map_err(told)?,
            };
            for entry in entries {
                let entry = entry.map_err(told)?;
                let Some(name) = entry.file_name().to_str().map(|name| format!("{before}{name}")) else {
                    continue;
                };
                if entry.file_type().map_err(told)?.is_dir() {
                    directories.push((entry.path(), format!("{name}/")));
                } else if let Some(key) = name.strip_suffix('~').and_then(|name| name.parse().ok()) {
                    keys.push(key);
                }
            }
        }
        keys.retain(|key: &ObjectKey| key.as_str().starts_with(prefix));
        keys.sort();
        Ok(keys)
    }

    fn begin(&self, key: &ObjectKey) -> Result<Vec<Part>, Error> {
        self.parts(key)
    }

    fn put_part(
        &self,
        key: &ObjectKey,
        number: usize,
        content: Vec<u8>,
        digest: Digest,
    ) -> Result<Part, Error> {
        let mut parts = self.parts(key)?;
        if number > parts.len() {
            return Err(Error::Lost { key: key.clone() });
        }
        parts.truncate(number);
        let start = parts.iter().map(|part| part.size_bytes).sum();
        let file =
            File::options().write(true).create(true).truncate(false).open(self.upload(key)).map_err(told)?;
        // What is told of is always there: the list is cut before the data, and grows after it.
        self.write_list(key, &parts)?;
        file.set_len(start).map_err(told)?;
        file.write_all_at(&content, start).map_err(told)?;
        parts.push(Part { size_bytes: content.len() as u64, digest, tag: number.to_string() });
        self.write_list(key, &parts)?;
        parts.pop().ok_or_else(|| Error::Lost { key: key.clone() })
    }

    fn complete(&self, key: &ObjectKey, parts: &[Part], meta: Meta) -> Result<(), Error> {
        let (upload, object) = (self.upload(key), self.object(key));
        if self.parts(key)?.as_slice() != parts {
            return match self.head(key)? {
                // Completed before, and cut before that was said.
                Some(there) if there == meta => Self::remove(&self.parts_list(key)),
                _ => Err(Error::Lost { key: key.clone() }),
            };
        }
        let file = File::options().write(true).open(&upload).map_err(told)?;
        file.set_len(meta.size_bytes).map_err(told)?;
        let line = [SUM, meta.digest.to_string().as_bytes(), b"\n"].concat();
        file.write_all_at(&line, meta.size_bytes).map_err(told)?;
        file.sync_all().map_err(told)?;
        let parent = object.parent().unwrap_or(&self.objects);
        fs::create_dir_all(parent).map_err(told)?;
        fs::rename(&upload, &object).map_err(told)?;
        File::open(parent).and_then(|directory| directory.sync_all()).map_err(told)?;
        Self::remove(&self.parts_list(key))
    }
}

/// What an error of the file system means to whoever uses the store.
fn told(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full(error.into()),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Error::Denied(error.into()),
        _ => Error::Unreachable(error.into()),
    }
}
