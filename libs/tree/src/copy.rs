//! A tree copied whole, with all that a file system keeps of it but the times of reading and of change of nodes.

use std::collections::HashMap;
use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};

use crate::{Entry, Error, Kind, Node, Step, Walk, data, node, xattr};

/// Copies what is in the directory `from`, and what the directory itself is, to the directory `to`, which must exist and
/// be empty. Blocks. What a failure leaves in `to` is for the caller to remove. `from` must not change meanwhile: what
/// does change is copied in part, or an error; nothing outside of the two directories is ever touched.
pub fn tree(from: &Path, to: &Path) -> Result<(), Error> {
    paddock_sys::thread::scoped(|| {
        let (source, target) = (open_root(from)?, open_root(to)?);
        let root = Node::of(&source).map_err(Error::io("look at", b""))?;
        let attributes = xattr::read(&source).map_err(Error::io("read attributes of", b""))?;
        let root = Target { directory: target, node: root, attributes };
        Copy { targets: vec![root], seen: HashMap::new() }.run(Walk::through(source)?)
    })
}

fn open_root(path: &Path) -> Result<OwnedFd, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, path, flags, Mode::empty())
        .map_err(Error::io("open", path.as_os_str().as_bytes()))
}

/// A directory that is being filled.
struct Target {
    directory: OwnedFd,
    /// What it shall be once it is full: it may be one that its owner cannot write to, and a default access list would
    /// be handed on to what is made in it.
    node: Node,
    attributes: xattr::Attributes,
}

struct Copy {
    /// From the root to where we are.
    targets: Vec<Target>,
    /// Nodes with several names: where the first one lies, and how many are still to come.
    seen: HashMap<(u64, u64), (PathBuf, u64)>,
}

impl Copy {
    fn run(mut self, mut walk: Walk) -> Result<(), Error> {
        while let Some(step) = walk.next()? {
            match step {
                Step::Enter(entry, directory) => self.enter(&entry, directory)?,
                Step::Node(entry) => self.node(&entry)?,
                Step::Leave => self.leave()?,
            }
        }
        self.leave()
    }

    fn enter(&mut self, entry: &Entry<'_>, source: BorrowedFd<'_>) -> Result<(), Error> {
        let Some(parent) = self.targets.last() else { return Ok(()) };
        let directory = node::make_directory(parent.directory.as_fd(), entry.name)
            .map_err(Error::io("make", entry.path))?;
        let attributes = xattr::read(source).map_err(Error::io("read attributes of", entry.path))?;
        self.targets.push(Target { directory, node: entry.node, attributes });
        Ok(())
    }

    fn leave(&mut self) -> Result<(), Error> {
        let Some(Target { directory, node, attributes }) = self.targets.pop() else { return Ok(()) };
        let finish = || {
            node::set_directory_owner_and_mode(&directory, (node.uid, node.gid), node.mode)?;
            attributes.iter().try_for_each(|(name, value)| xattr::set(&directory, name, value))?;
            node::set_directory_time(&directory, node.modified)
        };
        finish().map_err(Error::io("set attributes of a directory in", b""))
    }

    fn node(&mut self, entry: &Entry<'_>) -> Result<(), Error> {
        let (Some(root), Some(target)) = (self.targets.first(), self.targets.last()) else { return Ok(()) };
        let (root, target) = (root.directory.as_fd(), target.directory.as_fd());
        if entry.node.names > 1
            && let Some((first, left)) = self.seen.get_mut(&entry.node.identity)
        {
            let (parent, name) = walk_down(root, first).map_err(Error::io("find again", entry.path))?;
            rustix::fs::linkat(&parent, &name, target, entry.name, AtFlags::empty())
                .map_err(Error::io("link", entry.path))?;
            *left -= 1;
            if *left == 0 {
                self.seen.remove(&entry.node.identity);
            }
            return Ok(());
        }
        match entry.node.kind {
            Kind::File => copy_file(entry, target)?,
            Kind::Symlink => {
                let to = rustix::fs::readlinkat(entry.parent, entry.name, Vec::new())
                    .map_err(Error::io("read", entry.path))?;
                rustix::fs::symlinkat(to.as_c_str(), target, entry.name)
                    .map_err(Error::io("make", entry.path))?;
            }
            kind => node::make_special(target, entry.name, kind, entry.node.device)
                .map_err(Error::io("make", entry.path))?,
        }
        finish(entry, target)?;
        if entry.node.names > 1 {
            let path = PathBuf::from(OsStr::from_bytes(entry.path));
            self.seen.insert(entry.node.identity, (path, entry.node.names - 1));
        }
        Ok(())
    }
}

fn copy_file(entry: &Entry<'_>, target: BorrowedFd<'_>) -> Result<(), Error> {
    let from = node::open_file(entry.parent, entry.name).map_err(Error::io("open", entry.path))?;
    let to = node::make_file(target, entry.name).map_err(Error::io("make", entry.path))?;
    data::copy(&from, &to, entry.node.size_bytes).map_err(Error::io("copy", entry.path))
}

/// Owner, mode, attributes, time, in this order: each takes away some of those behind it.
fn finish(entry: &Entry<'_>, target: BorrowedFd<'_>) -> Result<(), Error> {
    let (name, node) = (entry.name, &entry.node);
    node::set_owner_and_mode(target, name, node.kind, (node.uid, node.gid), node.mode)
        .map_err(Error::io("set the owner of", entry.path))?;
    let attributes =
        xattr::read_unopened(entry.parent, name).map_err(Error::io("read attributes of", entry.path))?;
    for (attribute, value) in &attributes {
        xattr::set_unopened(target, name, attribute, value)
            .map_err(Error::io("set attributes of", entry.path))?;
    }
    node::set_time(target, name, node.modified).map_err(Error::io("set the time of", entry.path))
}

/// The directory that holds the node at `path`, and its name there, without following links on the way.
fn walk_down(root: BorrowedFd<'_>, path: &Path) -> std::io::Result<(OwnedFd, CString)> {
    let mut names = path.as_os_str().as_bytes().split(|&byte| byte == b'/').map(CString::new);
    let mut name = names.next().ok_or(std::io::ErrorKind::NotFound)??;
    let mut parent = root.try_clone_to_owned()?;
    for next in names {
        parent = node::open_directory(parent.as_fd(), AsRef::<CStr>::as_ref(&name))?;
        name = next?;
    }
    Ok((parent, name))
}
