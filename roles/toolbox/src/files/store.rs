//! Putting a file in place: all of it, or the old one stays.
//!
//! The content goes to a temporary file beside the target, which a rename then replaces. Where that
//! cannot be (a directory that the user may not write, a file of another user, which must stay
//! theirs, or a file system that does not rename) the target is written in place.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::tree::make_directories;

/// Mode of a file that was not there before.
const NEW_FILE_MODE: u32 = 0o644;

/// The kernel's own limit on a chain of links.
const LONGEST_LINK_CHAIN: usize = 40;

/// A file that is being written. Dropped before [`Store::commit`], it leaves the old file as it was,
/// unless that had to be written in place. Every method blocks.
#[derive(Debug)]
pub(super) struct Store {
    file: File,
    place: Place,
    written_bytes: u64,
}

#[derive(Debug)]
enum Place {
    /// The content lies in `temporary` until it replaces `target`.
    Beside { temporary: TemporaryFile, target: PathBuf, mode: u32 },
    /// The content is in the target already.
    Target,
}

impl Store {
    /// Begins to write `path`; makes its parents (0755) and follows links at its end.
    pub(super) fn begin(path: &Path) -> io::Result<Self> {
        let target = follow_links(path)?;
        let directory = target.parent().unwrap_or(Path::new("/"));
        make_directories(directory, 0o755).map_err(|error| {
            match error.kind() {
                // What is there already is no directory, else it would be no error.
                io::ErrorKind::AlreadyExists => io::Error::from_raw_os_error(libc::ENOTDIR),
                _ => error,
            }
        })?;
        let old = match fs::symlink_metadata(&target) {
            Ok(old) => Some(old),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if let Some(old) = &old {
            may_be_replaced(&target, old)?;
        }
        let is_anothers = old.as_ref().is_some_and(|old| old.uid() != rustix::process::geteuid().as_raw());
        if is_anothers {
            return Self::in_place(&target);
        }
        // Not the set-id bits: the kernel clears them too when a file is written.
        let mode = old.as_ref().map_or(NEW_FILE_MODE, |old| old.mode() & 0o1777);
        match TemporaryFile::create_in(directory) {
            Ok((file, temporary)) => {
                Ok(Self { file, place: Place::Beside { temporary, target, mode }, written_bytes: 0 })
            }
            Err(error) if old.is_some() && denies(&error) => Self::in_place(&target),
            Err(error) => Err(error),
        }
    }

    fn in_place(target: &Path) -> io::Result<Self> {
        Ok(Self { file: open_in_place(target)?, place: Place::Target, written_bytes: 0 })
    }

    /// Appends.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.written_bytes += bytes.len() as u64;
        Ok(())
    }

    /// Makes what was written the file. Gives back its length in bytes.
    pub(super) fn commit(self) -> io::Result<u64> {
        if let Place::Beside { temporary, target, mode } = self.place {
            self.file.set_permissions(Permissions::from_mode(mode))?;
            match fs::rename(&temporary.0, &target) {
                Ok(()) => temporary.forget(),
                Err(error) if error.kind() == io::ErrorKind::IsADirectory => return Err(error),
                Err(_) => copy_in_place(&temporary.0, &target, mode)?,
            }
        }
        Ok(self.written_bytes)
    }
}

/// The file that writing `path` writes: the end of its chain of links, which need not exist.
fn follow_links(path: &Path) -> io::Result<PathBuf> {
    let mut target = path.to_owned();
    for _ in 0..LONGEST_LINK_CHAIN {
        match fs::read_link(&target) {
            Ok(next) => target = target.parent().unwrap_or(Path::new("/")).join(next),
            // Not a link, or not there.
            Err(_) => return Ok(target),
        }
    }
    Err(io::Error::from_raw_os_error(libc::ELOOP))
}

/// Only regular files are replaced, and only those that the user may write: a read-only file stays,
/// though a rename would get around its mode.
fn may_be_replaced(target: &Path, old: &Metadata) -> io::Result<()> {
    if old.is_dir() {
        return Err(io::Error::from_raw_os_error(libc::EISDIR));
    }
    if !old.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    Ok(access(target, Access::WRITE_OK)?)
}

/// Whether an error says that nothing may be made in a directory, not that it went wrong.
fn denies(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

fn open_in_place(target: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(NEW_FILE_MODE)
        // The target was a regular file; should a pipe have taken its place, do not wait for it.
        .custom_flags(libc::O_NONBLOCK)
        .open(target)
}

fn copy_in_place(temporary: &Path, target: &Path, mode: u32) -> io::Result<()> {
    let mut to = open_in_place(target)?;
    io::copy(&mut File::open(temporary)?, &mut to)?;
    to.set_permissions(Permissions::from_mode(mode))
}

/// An empty file without a name, beside `path` or else where temporary files go. It is gone when it is closed.
pub(super) fn scratch_file(path: &Path) -> io::Result<File> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let (file, _removed) = TemporaryFile::create_in(directory)
        .or_else(|_| TemporaryFile::create_in(&std::env::temp_dir()))
        .or_else(|_| TemporaryFile::create_in(Path::new("/dev/shm")))?;
    Ok(file)
}

/// A file that is removed when this is dropped.
#[derive(Debug)]
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn create_in(directory: &Path) -> io::Result<(File, Self)> {
        let path = directory.join(format!(".paddock-upload-{}", uuid::Uuid::new_v4().simple()));
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        Ok((file, Self(path)))
    }

    /// It has been renamed: there is nothing to remove.
    fn forget(mut self) {
        self.0 = PathBuf::new();
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // Nobody is left to tell that it could not be removed.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Directory(PathBuf);

    impl Directory {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("store-{}", uuid::Uuid::new_v4()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn store(path: &Path, content: &[u8]) -> io::Result<u64> {
        let mut store = Store::begin(path)?;
        store.write(content)?;
        store.commit()
    }

    #[test]
    fn parents_are_made_and_a_new_file_is_0644() {
        let directory = Directory::new();
        let path = directory.0.join("a/b/c");
        assert_eq!(store(&path, b"content").unwrap(), 7);
        assert_eq!(fs::read(&path).unwrap(), b"content");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o644);
    }

    #[test]
    fn a_file_that_is_replaced_keeps_its_mode() {
        let directory = Directory::new();
        let path = directory.0.join("script");
        fs::write(&path, b"a longer old content").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o751)).unwrap();
        store(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o751);
        assert_eq!(directory.names(), ["script"]);
    }

    #[test]
    fn what_is_not_committed_leaves_the_old_file_and_nothing_else() {
        let directory = Directory::new();
        let path = directory.0.join("file");
        fs::write(&path, b"old").unwrap();
        let mut store = Store::begin(&path).unwrap();
        store.write(b"half of the new").unwrap();
        assert_eq!(directory.names().len(), 2);
        drop(store);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(directory.names(), ["file"]);
    }

    #[test]
    fn links_are_followed_and_stay_links() {
        let directory = Directory::new();
        let (link, target) = (directory.0.join("link"), directory.0.join("in/target"));
        std::os::unix::fs::symlink("in/target", &link).unwrap();
        store(&link, b"content").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(&target).unwrap(), b"content");
        let (one, two) = (directory.0.join("one"), directory.0.join("two"));
        std::os::unix::fs::symlink("two", &one).unwrap();
        std::os::unix::fs::symlink("one", &two).unwrap();
        assert_eq!(store(&one, b"x").unwrap_err().raw_os_error(), Some(libc::ELOOP));
    }

    #[test]
    fn directories_and_special_files_are_not_replaced() {
        let directory = Directory::new();
        assert_eq!(store(&directory.0, b"x").unwrap_err().kind(), io::ErrorKind::IsADirectory);
        assert_eq!(store(Path::new("/dev/null"), b"x").unwrap_err().to_string(), "not a regular file");
    }
}
