//! A tree in the order of its names, one step at a time.
//!
//! What it holds in memory is the names of the directories on the way to where it is: the largest directory decides.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::Dir;

use crate::{Error, Kind, Node, node};

/// How deep directories may lie within each other. Each level costs an open descriptor while it is passed; no program
/// can name a file deeper than this by a path (of at most 4,096 bytes).
pub const MAX_DEPTH: usize = 2048;

/// A walk through a tree: each directory before what is in it, names in the order of their bytes.
#[derive(Debug)]
pub struct Walk {
    frames: Vec<Frame>,
    path: Vec<u8>,
}

#[derive(Debug)]
struct Frame {
    directory: OwnedFd,
    names: Names,
    /// How long the path of this directory is.
    path_bytes: usize,
}

/// One node on the way.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The directory that it is in.
    pub parent: BorrowedFd<'a>,
    /// Its name there.
    pub name: &'a CStr,
    /// The way to it from the root of the tree, names separated by `/`, none before the first.
    pub path: &'a [u8],
    /// What it is.
    pub node: Node,
}

/// What a walk came to.
#[derive(Debug)]
pub enum Step<'a> {
    /// A directory, open; what is in it follows, then [`Step::Leave`].
    Enter(Entry<'a>, BorrowedFd<'a>),
    /// Anything else.
    Node(Entry<'a>),
    /// All that is in the directory last entered and not yet left has been passed.
    Leave,
}

impl Walk {
    /// A walk through what is in `root`. The root itself is no step of it.
    pub fn through(root: OwnedFd) -> Result<Self, Error> {
        let names = Names::of(root.as_fd()).map_err(Error::io("list", b""))?;
        Ok(Self { frames: vec![Frame { directory: root, names, path_bytes: 0 }], path: Vec::new() })
    }

    /// Takes the next step. `None`: the tree has been walked through.
    ///
    /// # Errors
    /// As a rule the walk is of no use after one.
    #[expect(clippy::should_implement_trait, reason = "what it gives back borrows from the walk")]
    pub fn next(&mut self) -> Result<Option<Step<'_>>, Error> {
        let depth = self.frames.len();
        let Some(frame) = self.frames.last_mut() else { return Ok(None) };
        self.path.truncate(frame.path_bytes);
        let Some(name) = frame.names.take_next() else {
            self.frames.pop();
            return Ok(if self.frames.is_empty() { None } else { Some(Step::Leave) });
        };
        if frame.path_bytes > 0 {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(name.to_bytes());
        let parent = frame.directory.as_fd();
        let node = Node::look(parent, &name).map_err(Error::io("look at", &self.path))?;
        if node.kind == Kind::Directory {
            if depth > MAX_DEPTH {
                return Err(Error::TooDeep);
            }
            let directory = node::open_directory(parent, &name).map_err(Error::io("open", &self.path))?;
            let names = Names::of(directory.as_fd()).map_err(Error::io("list", &self.path))?;
            self.frames.push(Frame { directory, names, path_bytes: self.path.len() });
            return Ok(match self.frames.as_slice() {
                [.., parent, entered] => Some(Step::Enter(
                    Entry {
                        parent: parent.directory.as_fd(),
                        name: parent.names.last(),
                        path: &self.path,
                        node,
                    },
                    entered.directory.as_fd(),
                )),
                _ => None,
            });
        }
        Ok(self.frames.last().map(|frame| {
            Step::Node(Entry {
                parent: frame.directory.as_fd(),
                name: frame.names.last(),
                path: &self.path,
                node,
            })
        }))
    }
}

/// The names of a directory in one piece of memory, since there may be millions.
#[derive(Debug)]
struct Names {
    bytes: Vec<u8>,
    /// Where each name begins, in the order of the names.
    starts: Vec<usize>,
    next: usize,
    current: CString,
}

impl Names {
    fn of(directory: BorrowedFd<'_>) -> io::Result<Self> {
        let mut bytes = Vec::new();
        let mut starts = Vec::new();
        let mut listing = Dir::read_from(directory)?;
        while let Some(entry) = listing.read() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                starts.push(bytes.len());
                bytes.extend_from_slice(entry.file_name().to_bytes_with_nul());
            }
        }
        starts.sort_unstable_by(|&left, &right| name_at(&bytes, left).cmp(name_at(&bytes, right)));
        Ok(Self { bytes, starts, next: 0, current: CString::default() })
    }

    fn take_next(&mut self) -> Option<CString> {
        let start = *self.starts.get(self.next)?;
        self.next += 1;
        self.current = CString::from(name_at(&self.bytes, start));
        Some(self.current.clone())
    }

    /// The name that was taken last.
    fn last(&self) -> &CStr {
        &self.current
    }
}

fn name_at(bytes: &[u8], start: usize) -> &CStr {
    bytes.get(start..).and_then(|rest| CStr::from_bytes_until_nul(rest).ok()).unwrap_or_default()
}
