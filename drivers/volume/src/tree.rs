//! Opening a directory in a tree that is somebody else's to change, at any moment, in any way.
//!
//! Invariant: what is opened lies in the tree. No link is followed, not even one that leads back into it, since it may be
//! another link a moment later; and nothing is opened by a path of more than one name.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, fchmod, mkdirat, openat, openat2};
use rustix::io::Errno;

/// Who may do what in a directory that all users of all sandboxes share.
pub(crate) const EVERYBODY: Mode = Mode::from_raw_mode(0o777);

/// How often a directory is looked for that somebody takes away between being made and being opened.
const TRIES: usize = 8;

/// Why a directory could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Some part of the path is a symbolic link, or a place where something is mounted.
    #[error("it leads through a symbolic link")]
    Link,
    /// Some part of the path is a file.
    #[error("it is not a directory")]
    NotADirectory,
    /// There is no room to make it in.
    #[error("the volume is full")]
    Full,
    /// Somebody takes it away again and again.
    #[error("it is being removed by others")]
    Fleeting,
    /// Something else.
    #[error("{0}")]
    Other(io::Error),
}

impl From<Errno> for Error {
    fn from(error: Errno) -> Self {
        match error {
            Errno::LOOP | Errno::XDEV => Self::Link,
            Errno::NOTDIR => Self::NotADirectory,
            Errno::NOSPC | Errno::DQUOT => Self::Full,
            other => Self::Other(other.into()),
        }
    }
}

/// The directory at `path`, which must not be a link itself; what leads to it is the host's own and trusted.
pub(crate) fn open_root(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    Ok(openat(CWD, path, flags, Mode::empty())?)
}

/// The directory that `components` lead to from `root`. What is missing is made, for everybody to write to.
///
/// # Errors
/// [`Error::Link`] and [`Error::NotADirectory`] for what a guest has put in its place.
pub fn open_beneath<'a>(
    root: OwnedFd,
    components: impl IntoIterator<Item = &'a str>,
) -> Result<OwnedFd, Error> {
    components.into_iter().try_fold(root, |directory, name| open_or_make(&directory, name))
}

fn open_or_make(directory: &OwnedFd, name: &str) -> Result<OwnedFd, Error> {
    for _ in 0..TRIES {
        match open_child(directory, name) {
            Err(Errno::NOENT) => {}
            other => return Ok(other?),
        }
        match mkdirat(directory, name, EVERYBODY) {
            // Our umask has taken a part.
            Ok(()) => match open_child(directory, name) {
                Err(Errno::NOENT) => {}
                made => {
                    let made = made?;
                    fchmod(&made, EVERYBODY)?;
                    return Ok(made);
                }
            },
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Fleeting)
}

/// One directory of another. Opening a named pipe or a device has no effect, since it must be a directory.
fn open_child(directory: impl AsFd, name: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    let resolve = ResolveFlags::BENEATH
        | ResolveFlags::NO_SYMLINKS
        | ResolveFlags::NO_MAGICLINKS
        | ResolveFlags::NO_XDEV;
    loop {
        match openat2(&directory, name, flags, Mode::empty(), resolve) {
            // Something was moved meanwhile, or a signal came.
            Err(Errno::AGAIN | Errno::INTR) => {}
            // A link to something: Linux says either, by the flags that it looks at first.
            Err(Errno::NOTDIR) if is_link(&directory, name) => return Err(Errno::LOOP),
            other => return other,
        }
    }
}

fn is_link(directory: impl AsFd, name: &str) -> bool {
    rustix::fs::readlinkat(directory, name, Vec::new()).is_ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    fn open(root: &Path, path: &str) -> Result<OwnedFd, Error> {
        open_beneath(open_root(root).unwrap(), path.split('/'))
    }

    #[test]
    fn what_is_missing_is_made_for_everybody_and_what_is_there_stays_as_it_is() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("a")).unwrap();
        fs::set_permissions(root.path().join("a"), fs::Permissions::from_mode(0o700)).unwrap();
        open(root.path(), "a/b/c").unwrap();
        let mode = |path: &str| fs::metadata(root.path().join(path)).unwrap().mode() & 0o7777;
        assert_eq!((mode("a"), mode("a/b"), mode("a/b/c")), (0o700, 0o777, 0o777));
        open(root.path(), "a/b/c").unwrap();
    }

    #[test]
    fn no_link_is_followed_wherever_it_leads() {
        let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(root.path().join("real")).unwrap();
        for (name, target) in [
            ("outside", outside.path().to_str().unwrap()),
            ("inside", "real"),
            ("parent", ".."),
            ("root", "/"),
            ("magic", "/proc/self/root"),
            ("dangling", "nothing/there"),
        ] {
            symlink(target, root.path().join(name)).unwrap();
            for path in [name.to_owned(), format!("{name}/made"), format!("real/../{name}")] {
                let error = open(root.path(), &path).unwrap_err();
                let is_refused = matches!(error, Error::Link | Error::Other(_));
                assert!(is_refused, "{path}: {error}");
            }
            assert!(matches!(open(root.path(), name).unwrap_err(), Error::Link), "{name}");
        }
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0, "nothing was made out there");
        assert_eq!(fs::read_dir(root.path().join("real")).unwrap().count(), 0);
        symlink("real", root.path().join("again")).unwrap();
        assert!(open_root(&root.path().join("again")).is_err(), "the root is no link either");
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("file"), "").unwrap();
        rustix::fs::mknodat(CWD, root.path().join("pipe"), rustix::fs::FileType::Fifo, Mode::RWXU, 0)
            .unwrap();
        for path in ["file", "file/below", "pipe"] {
            assert!(matches!(open(root.path(), path).unwrap_err(), Error::NotADirectory), "{path}");
        }
    }

    #[test]
    fn somebody_who_swaps_directories_for_links_leads_nobody_out() {
        let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (place, link) = (root.path().join("a"), root.path().join("link"));
        let marker = outside.path().join("secret");
        fs::create_dir(&marker).unwrap();
        let outside_inode = fs::metadata(outside.path()).unwrap().ino();
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let _ = symlink(outside.path(), &link);
                    let _ = fs::remove_dir_all(&place);
                    let _ = fs::rename(&link, &place);
                    let _ = fs::remove_file(&place);
                    let _ = fs::create_dir(&place);
                }
            });
            for _ in 0..2000 {
                if let Ok(found) = open(root.path(), "a/secret") {
                    let parent = openat(&found, "..", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
                    let inode = parent.and_then(|parent| rustix::fs::fstat(&parent)).map(|stat| stat.st_ino);
                    assert_ne!(inode.ok(), Some(outside_inode));
                }
            }
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    }
}
