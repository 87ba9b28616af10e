//! Copying a file or a directory with all that is in it, for moves that cannot be renames.

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

/// Copies `source` to `destination`, which must not exist: contents, modes, modification times,
/// links as links, pipes as pipes. Not kept are owners (the user cannot give files away), names that
/// share one file, extended attributes; sockets are left out, as their listeners stay behind.
pub(super) fn copy_tree(source: &Path, destination: &Path) -> Result<(), CopyFailed> {
    let failed_at = |path: &Path| {
        let path = path.to_owned();
        move |error| CopyFailed { path, error }
    };
    let metadata = fs::symlink_metadata(source).map_err(failed_at(source))?;
    let kind = metadata.file_type();
    if kind.is_dir() {
        // Writable until it is filled.
        DirBuilder::new().mode(0o700).create(destination).map_err(failed_at(destination))?;
        for entry in fs::read_dir(source).map_err(failed_at(source))? {
            let name = entry.map_err(failed_at(source))?.file_name();
            copy_tree(&source.join(&name), &destination.join(&name))?;
        }
        let directory = File::open(destination).map_err(failed_at(destination))?;
        keep_mode_and_times(&directory, &metadata).map_err(failed_at(destination))
    } else if kind.is_symlink() {
        let target = fs::read_link(source).map_err(failed_at(source))?;
        symlink(target, destination).map_err(failed_at(destination))
    } else if kind.is_file() {
        copy_file(source, destination, &metadata).map_err(failed_at(source))
    } else if kind.is_fifo() {
        let mode = Mode::from_bits_truncate(metadata.mode());
        mknodat(CWD, destination, FileType::Fifo, mode, 0)
            .map_err(io::Error::from)
            .map_err(failed_at(destination))
    } else if kind.is_socket() {
        Ok(())
    } else {
        Err(failed_at(source)(io::Error::from(io::ErrorKind::Unsupported)))
    }
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

    #[test]
    fn a_copy_has_the_contents_modes_times_and_links() {
        let base = std::env::temp_dir().join(format!("copy-tree-{}", uuid::Uuid::new_v4()));
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
        fs::remove_dir_all(base).unwrap();
    }
}
