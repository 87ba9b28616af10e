//! Making and removing directories of any depth.
//!
//! The standard library's functions call themselves for each level, and a tree that is deep enough
//! (some thousands of directories, which any program can make) would overflow the stack and end the
//! daemon. Nothing here recurses.

use std::ffi::CString;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, fstat, openat, unlinkat};
use rustix::io::Errno;
use rustix::path::Arg;

/// Makes a directory and its missing parents, all with `mode` under the process's umask. One that is
/// there already is success, and its mode stays.
pub(super) fn make_directories(path: &Path, mode: u32) -> io::Result<()> {
    let create = |path: &Path| match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound && path.is_dir() => Ok(()),
        result => result,
    };
    let mut missing = Vec::new();
    let mut next = Some(path);
    while let Some(path) = next {
        match create(path) {
            Ok(()) => break,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                missing.push(path);
                next = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            }
            Err(error) => return Err(error),
        }
    }
    missing.into_iter().rev().try_for_each(create)
}

/// Removes a file, a link, or a directory with all that is in it. Stops at the first thing that
/// cannot be removed; what was removed before is gone. Never follows a link, and never leaves the
/// tree, even if somebody moves parts of it meanwhile.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.is_dir() {
        return fs::remove_file(path);
    }
    remove_contents(path)?;
    fs::remove_dir(path)
}

/// A directory on the way from the top to where the removal stands.
struct Level {
    /// Its name in the level above; empty for the top.
    name: CString,
    /// Device and inode, by which it is known again on the way up.
    identity: (u64, u64),
    /// What is left in it.
    entries: Vec<CString>,
}

impl Level {
    fn new(name: CString, directory: &OwnedFd) -> io::Result<Self> {
        let mut entries = Vec::new();
        for entry in Dir::read_from(directory)? {
            let entry = entry?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                entries.push(entry.file_name().to_owned());
            }
        }
        Ok(Self { name, identity: identity(directory)?, entries })
    }
}

fn remove_contents(path: &Path) -> io::Result<()> {
    let mut here = open_directory(CWD, path)?;
    let mut levels = vec![Level::new(CString::default(), &here)?];
    while let Some(level) = levels.last_mut() {
        if let Some(name) = level.entries.pop() {
            if remove_entry(&here, &name)? == Entry::FullDirectory {
                here = open_directory(&here, &name)?;
                levels.push(Level::new(name, &here)?);
            }
            continue;
        }
        let done = levels.pop();
        if let (Some(done), Some(above)) = (done, levels.last()) {
            // Only one descriptor is held, whatever the depth; so the way up is asked for.
            here = open_directory(&here, c"..")?;
            if identity(&here)? != above.identity {
                return Err(io::Error::other("a directory was moved while it was removed"));
            }
            match unlinkat(&here, &done.name, AtFlags::REMOVEDIR) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
enum Entry {
    Gone,
    FullDirectory,
}

fn remove_entry(directory: &OwnedFd, name: &CString) -> io::Result<Entry> {
    match unlinkat(directory, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(Entry::Gone),
        Err(Errno::ISDIR) => {}
        Err(error) => return Err(error.into()),
    }
    match unlinkat(directory, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(Entry::Gone),
        Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(Entry::FullDirectory),
        Err(error) => Err(error.into()),
    }
}

fn open_directory(at: impl AsFd, path: impl Arg) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(at, path, flags, Mode::empty())?)
}

fn identity(directory: &OwnedFd) -> io::Result<(u64, u64)> {
    let stat = fstat(directory)?;
    Ok((stat.st_dev, stat.st_ino))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use rustix::fs::mkdirat;

    use super::*;

    fn directory() -> PathBuf {
        let path = std::env::temp_dir().join(format!("tree-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&path).unwrap();
        path
    }

    #[test]
    fn a_tree_is_removed_and_what_its_links_lead_to_stays() {
        let base = directory();
        for file in ["tree/a/b/1", "tree/a/b/2", "tree/a/3", "tree/c/d/4", "kept/5"] {
            let path = base.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        fs::create_dir(base.join("tree/empty")).unwrap();
        symlink("../../kept", base.join("tree/a/link")).unwrap();
        symlink("kept", base.join("top-link")).unwrap();
        remove(&base.join("tree")).unwrap();
        remove(&base.join("top-link")).unwrap();
        assert!(!base.join("tree").exists());
        assert!(base.join("kept/5").exists());
        assert_eq!(remove(&base.join("tree")).unwrap_err().kind(), io::ErrorKind::NotFound);
        remove(&base).unwrap();
    }

    #[test]
    fn depth_needs_no_stack() {
        let base = directory();
        let mut here = open_directory(CWD, &base).unwrap();
        for _ in 0..20_000 {
            mkdirat(&here, "d", Mode::RWXU).unwrap();
            here = open_directory(&here, "d").unwrap();
        }
        drop(here);
        let little_stack = std::thread::Builder::new().stack_size(64 << 10);
        little_stack.spawn(move || remove(&base).unwrap()).unwrap().join().unwrap();
    }

    #[test]
    fn parents_are_made_as_deep_as_a_path_can_name() {
        let base = directory();
        let deep = base.join("d/".repeat((4000 - base.as_os_str().len()) / 2));
        let making = deep.clone();
        let little_stack = std::thread::Builder::new().stack_size(64 << 10);
        little_stack.spawn(move || make_directories(&making, 0o755).unwrap()).unwrap().join().unwrap();
        assert!(deep.is_dir());
        make_directories(&deep, 0o700).unwrap();
        fs::write(base.join("file"), "").unwrap();
        let kind = |path: &str| make_directories(&base.join(path), 0o755).unwrap_err().kind();
        assert_eq!(kind("file"), io::ErrorKind::AlreadyExists);
        assert_eq!(kind("file/in"), io::ErrorKind::NotADirectory);
        assert_eq!(kind("file/in/in"), io::ErrorKind::NotADirectory);
        remove(&base).unwrap();
    }
}
