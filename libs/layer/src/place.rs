//! Where members go: a way through open directories that stays beneath the target whatever names say.
//!
//! A link on the way is an error, or it is followed by hand ([`Links`]): its text is taken apart as a name is, the target
//! is where absolute ones begin and where `..` ends. The kernel follows none.

use std::collections::VecDeque;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use paddock_tree::{Kind, MAX_DEPTH, Node, Time, node, xattr};
use rustix::fs::AtFlags;
use rustix::io::Errno;

/// As many links as the kernel follows on one way.
const MOST_LINKS: u32 = 40;

const DEFAULT_ACL: &CStr = c"system.posix_acl_default";

/// The directories from the target to where the last member went, open.
#[derive(Debug)]
pub(crate) struct Place {
    levels: Vec<Level>,
    links: Links,
}

/// What is done about a link where a directory is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    /// It is an error: what we write has none.
    Refused,
    /// It is followed beneath the target, as other tools do that unpack images.
    Followed,
}

/// What is put right when a directory is left: what goes into it changes its time, and takes on its default access list.
#[derive(Debug)]
struct Level {
    name: CString,
    directory: OwnedFd,
    modified: Option<Time>,
    default_acl: Option<Vec<u8>>,
}

impl Level {
    fn leave(&self) -> io::Result<()> {
        if let Some(list) = &self.default_acl {
            xattr::set(&self.directory, DEFAULT_ACL, list)?;
        }
        self.modified.map_or(Ok(()), |time| node::set_directory_time(&self.directory, time))
    }
}

impl Place {
    pub(crate) fn at(target: OwnedFd, links: Links) -> Self {
        let level = Level { name: CString::default(), directory: target, modified: None, default_acl: None };
        Self { levels: vec![level], links }
    }

    /// The directory where we are.
    pub(crate) fn here(&self) -> io::Result<BorrowedFd<'_>> {
        self.levels.last().map(|level| level.directory.as_fd()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Goes to the directory that `names` lead to from the target. Those that are not there are made, as the root's; one
    /// that is anything but a directory, or a link that is not to be followed, is an error
    /// ([`io::ErrorKind::NotADirectory`]).
    pub(crate) fn go(&mut self, names: &[CString]) -> io::Result<()> {
        match self.go_straight(names) {
            Err(error) if self.may_follow(&error) => {
                let way = self.way(names)?;
                self.go_straight(&way)
            }
            other => other,
        }
    }

    fn may_follow(&self, error: &io::Error) -> bool {
        self.links == Links::Followed && error.kind() == io::ErrorKind::NotADirectory
    }

    /// The names that lead, without any link, to where `names` lead. The last of them need not be there.
    fn way(&self, names: &[CString]) -> io::Result<Vec<CString>> {
        let target = self.levels.first().ok_or(io::ErrorKind::NotFound)?;
        let mut rest: VecDeque<CString> = names.iter().cloned().collect();
        // Each with its directory, unless that is not there.
        let mut way: Vec<(CString, Option<OwnedFd>)> = Vec::new();
        let mut links = 0;
        while let Some(name) = rest.pop_front() {
            match name.to_bytes() {
                b"" | b"." => continue,
                b".." => {
                    way.pop();
                    continue;
                }
                _ => {}
            }
            if way.len() > MAX_DEPTH {
                return Err(io::Error::other("directories lie too deep"));
            }
            let here = match way.last() {
                None => target.directory.as_fd(),
                Some((_, Some(directory))) => directory.as_fd(),
                Some((_, None)) => {
                    way.push((name, None));
                    continue;
                }
            };
            match Node::look(here, &name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => way.push((name, None)),
                Err(error) => return Err(error),
                Ok(node) if node.kind == Kind::Directory => {
                    let directory = node::open_directory(here, &name)?;
                    way.push((name, Some(directory)));
                }
                Ok(node) if node.kind == Kind::Symlink => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(Errno::LOOP.into());
                    }
                    let text = rustix::fs::readlinkat(here, &*name, Vec::new())?.into_bytes();
                    if text.starts_with(b"/") {
                        way.clear();
                    }
                    for part in text.split(|&byte| byte == b'/').rev() {
                        rest.push_front(CString::new(part)?);
                    }
                }
                Ok(_) => return Err(io::ErrorKind::NotADirectory.into()),
            }
        }
        Ok(way.into_iter().map(|(name, _)| name).collect())
    }

    fn go_straight(&mut self, names: &[CString]) -> io::Result<()> {
        let shared =
            self.levels.iter().skip(1).zip(names).take_while(|(level, name)| level.name == **name).count();
        self.leave_to(shared + 1)?;
        names.iter().skip(shared).try_for_each(|name| self.enter(name))
    }

    fn leave_to(&mut self, levels: usize) -> io::Result<()> {
        while self.levels.len() > levels {
            if let Some(level) = self.levels.pop() {
                level.leave()?;
            }
        }
        Ok(())
    }

    fn enter(&mut self, name: &CStr) -> io::Result<()> {
        if self.levels.len() > MAX_DEPTH {
            return Err(io::Error::other("directories lie too deep"));
        }
        let here = self.here()?;
        let (directory, modified, default_acl) = match node::open_directory(here, name) {
            Ok(directory) => {
                // It was finished before: what is put into it now shall not show.
                let modified = Node::of(&directory)?.modified;
                let acl =
                    xattr::read(&directory)?.into_iter().find(|(name, _)| name.as_c_str() == DEFAULT_ACL);
                if acl.is_some() {
                    rustix::fs::fremovexattr(&directory, DEFAULT_ACL)?;
                }
                (directory, Some(modified), acl.map(|(_, list)| list))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let directory = node::make_directory(here, name)?;
                node::set_directory_owner_and_mode(&directory, (0, 0), 0o755)?;
                (directory, None, None)
            }
            // A link is told so by the kernel when it is not followed.
            Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            Err(error) => return Err(error),
        };
        self.levels.push(Level { name: name.to_owned(), directory, modified, default_acl });
        Ok(())
    }

    /// Makes the directory where we are what a member says.
    pub(crate) fn dress(
        &mut self,
        owner: (u32, u32),
        mode: u32,
        modified: Time,
        attributes: Vec<(CString, Vec<u8>)>,
    ) -> io::Result<()> {
        let Some(level) = self.levels.last_mut() else { return Ok(()) };
        node::set_directory_owner_and_mode(&level.directory, owner, mode)?;
        level.modified = Some(modified);
        for (name, value) in attributes {
            if name.as_c_str() == DEFAULT_ACL {
                level.default_acl = Some(value);
            } else {
                xattr::set(&level.directory, &name, &value)?;
            }
        }
        Ok(())
    }

    /// What is called `name` here. `None`: nothing.
    pub(crate) fn look(&self, name: &CStr) -> io::Result<Option<Node>> {
        match Node::look(self.here()?, name) {
            Ok(node) => Ok(Some(node)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes what is called `name` here, which is no directory.
    pub(crate) fn unlink(&self, name: &CStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(self.here()?, name, AtFlags::empty())?)
    }

    /// Removes the directory that is called `name` here, with all in it.
    pub(crate) fn remove_directory(&self, name: &CStr) -> io::Result<()> {
        let here = self.here()?;
        let mut frames = vec![Doomed::open(here, name)?];
        while let Some(frame) = frames.last_mut() {
            let Some(inner) = frame.names.pop() else {
                let done = frames.pop();
                let parent = frames.last().map_or(here, |frame| frame.directory.as_fd());
                let name = done.as_ref().map_or(name, |done| &done.name);
                rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)?;
                continue;
            };
            match rustix::fs::unlinkat(&frame.directory, &*inner, AtFlags::empty()) {
                Ok(()) => {}
                Err(Errno::ISDIR | Errno::PERM) => {
                    let inner = Doomed::open(frame.directory.as_fd(), &inner)?;
                    frames.push(inner);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The directory that `names` lead to, which must be there, without going to it.
    pub(crate) fn find(&self, names: &[CString]) -> io::Result<OwnedFd> {
        match self.find_straight(names) {
            Err(error) if self.may_follow(&error) => self.find_straight(&self.way(names)?),
            other => other,
        }
    }

    fn find_straight(&self, names: &[CString]) -> io::Result<OwnedFd> {
        let target = self.levels.first().ok_or(io::ErrorKind::NotFound)?;
        let mut directory = target.directory.try_clone()?;
        for name in names {
            directory = node::open_directory(directory.as_fd(), name)?;
        }
        Ok(directory)
    }

    /// Leaves every directory.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.leave_to(0)
    }
}

/// A directory that is being removed.
struct Doomed {
    name: CString,
    directory: OwnedFd,
    /// What is still in it.
    names: Vec<CString>,
}

impl Doomed {
    fn open(parent: BorrowedFd<'_>, name: &CStr) -> io::Result<Self> {
        let directory = node::open_directory(parent, name)?;
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&directory)? {
            let entry = entry?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                names.push(entry.file_name().to_owned());
            }
        }
        Ok(Self { name: name.to_owned(), directory, names })
    }
}

/// Whether a name that is taken may be given to something else: not that of a directory, which may hold something.
pub(crate) fn may_be_replaced(node: &Node) -> bool {
    node.kind != Kind::Directory
}
