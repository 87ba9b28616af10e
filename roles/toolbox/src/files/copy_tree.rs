//! Copying a file or a directory with all that is in it, for moves that cannot be renames.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, FileTimes, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};

/// Where a copy failed, and why. What was copied before is still there.
#[derive(Debug)]
pub(super) struct CopyFailed {
    pub(super) path: PathBuf,
    pub(super) error: io::Error,
}

/// A directory that is being filled.
struct Open {
    source: PathBuf,
    destination: PathBuf,
    metadata: Metadata,
    /// What is left to copy.
    names: Vec<OsString>,
}

/// Copies `source` to `destination`, which must not exist: contents, modes, modification times,
/// links as links, pipes as pipes. Not kept are owners (the user cannot give files away), names that
/// share one file, extended attributes; sockets are left out, as their listeners stay behind.
///
/// Does not recurse: see [`super::tree`].
pub(super) fn copy_tree(source: &Path, destination: &Path) -> Result<(), CopyFailed> {
    let mut open: Vec<Open> = copy_one(source, destination)?.into_iter().collect();
    while let Some(directory) = open.last_mut() {
        if let Some(name) = directory.names.pop() {
            let (source, destination) = (directory.source.join(&name), directory.destination.join(&name));
            open.extend(copy_one(&source, &destination)?);
        } else if let Some(Open { destination, metadata, .. }) = open.pop() {
            // Last, because filling it needs to write it and changes its time.
            let closed = File::open(&destination).and_then(|file| keep_mode_and_times(&file, &metadata));
            closed.map_err(|error| CopyFailed { path: destination, error })?;
        }
    }
    Ok(())
}

/// Copies what is at `source`; of a directory only itself, which is then open to be filled.
fn copy_one(source: &Path, destination: &Path) -> Result<Option<Open>, CopyFailed> {
    let failed = |error| CopyFailed { path: source.to_owned(), error };
    let metadata = fs::symlink_metadata(source).map_err(failed)?;
    let kind = metadata.file_type();
    let copied = if kind.is_dir() {
        return open_directory(source, destination, metadata).map(Some).map_err(failed);
    } else if kind.is_symlink() {
        fs::read_link(source).and_then(|target| symlink(target, destination))
    } else if kind.is_file() {
        copy_file(source, destination, &metadata)
    } else if kind.is_fifo() {
        let mode = Mode::from_bits_truncate(metadata.mode());
        mknodat(CWD, destination, FileType::Fifo, mode, 0).map_err(io::Error::from)
    } else if kind.is_socket() {
        Ok(())
    } else {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    };
    copied.map(|()| None).map_err(failed)
}

fn open_directory(source: &Path, destination: &Path, metadata: Metadata) -> io::Result<Open> {
    DirBuilder::new().mode(0o700).create(destination)?;
    let names = fs::read_dir(source)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
    Ok(Open { source: source.to_owned(), destination: destination.to_owned(), metadata, names })
}

fn copy_file(source: &Path, destination: &Path, metadata: &Metadata) -> io::Result<()> {
    // The kind may have changed since it was looked at; a pipe in its place must not be waited for.
    let mut from =
        OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW).open(source)?;
    let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(destination)?;
    io::copy(&mut from, &mut to)?;
    keep_mode_and_times(&to, metadata)
}

fn keep_mode_and_times(file: &File, metadata: &Metadata) -> io::Result<()> {
    file.set_permissions(fs::Permissions::from_mode(metadata.mode() & 0o7777))?;
    file.set_times(FileTimes::new().set_accessed(metadata.accessed()?).set_modified(metadata.modified()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::tree::{make_directories, remove};

    fn base() -> PathBuf {
        std::env::temp_dir().join(format!("copy-tree-{}", uuid::Uuid::new_v4()))
    }

    #[test]
    fn a_copy_has_the_contents_modes_times_and_links() {
        let base = base();
        let (from, to) = (base.join("from"), base.join("to"));
        fs::create_dir_all(from.join("in")).unwrap();
        fs::write(from.join("in/file"), b"content").unwrap();
        fs::set_permissions(from.join("in/file"), fs::Permissions::from_mode(0o4751)).unwrap();
        symlink("nowhere", from.join("link")).unwrap();
        mknodat(CWD, from.join("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        File::open(from.join("in")).unwrap().set_times(FileTimes::new().set_modified(old)).unwrap();
        fs::set_permissions(from.join("in"), fs::Permissions::from_mode(0o500)).unwrap();

        copy_tree(&from, &to).unwrap();

        assert_eq!(fs::read(to.join("in/file")).unwrap(), b"content");
        assert_eq!(fs::metadata(to.join("in/file")).unwrap().mode() & 0o7777, 0o4751);
        assert_eq!(fs::metadata(to.join("in")).unwrap().mode() & 0o7777, 0o500);
        assert_eq!(fs::metadata(to.join("in")).unwrap().modified().unwrap(), old);
        assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("nowhere"));
        assert!(fs::symlink_metadata(to.join("pipe")).unwrap().file_type().is_fifo());
        for directory in [&from, &to] {
            fs::set_permissions(directory.join("in"), fs::Permissions::from_mode(0o700)).unwrap();
        }
        remove(&base).unwrap();
    }

    #[test]
    fn depth_needs_no_stack() {
        let base = base();
        let deep = base.join("from").join("d/".repeat((3900 - base.as_os_str().len()) / 2));
        make_directories(&deep, 0o755).unwrap();
        let (from, to) = (base.join("from"), base.join("to"));
        let little_stack = std::thread::Builder::new().stack_size(64 << 10);
        little_stack.spawn(move || copy_tree(&from, &to).unwrap()).unwrap().join().unwrap();
        assert!(base.join("to").join(deep.strip_prefix(base.join("from")).unwrap()).is_dir());
        remove(&base).unwrap();
    }
}
