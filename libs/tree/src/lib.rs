//! Trees of files, read and written whole: every kind of node, owners, modes, times, extended attributes, hard links,
//! holes.
//!
//! The trees belong to guests. So names are bytes, every step is taken from an open directory without following a
//! link, and the depth is bounded; no name is ever joined to a path that the kernel resolves.
//!
//! [`Walk`] reads a tree in the order of its names; [`copy`] copies one; [`node`], [`xattr`] and [`data`] are the pieces,
//! for whoever brings trees into other forms.
//!
//! Invariant: functions that touch the attributes of nodes that cannot be opened (links, devices) do so from the working
//! directory of the *calling thread*. [`copy::tree`] has a thread for that; others run on
//! [`paddock_sys::thread::scoped`] or in a process of their own.

pub mod copy;
pub mod data;
pub mod node;
mod walk;
pub mod xattr;

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

pub use node::{Kind, Node, Time};
pub use walk::{Entry, MAX_DEPTH, Step, Walk};

/// Why a tree could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A step failed.
    #[error("could not {action} {path:?}")]
    Io {
        /// The step.
        action: &'static str,
        /// On what, relative to the tree.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Directories within directories beyond [`MAX_DEPTH`].
    #[error("directories lie more than {MAX_DEPTH} deep")]
    TooDeep,
}

impl Error {
    /// For `map_err`: `action` failed on `path`.
    pub fn io<E: Into<io::Error>>(action: &'static str, path: &[u8]) -> impl FnOnce(E) -> Self {
        let path = PathBuf::from(OsStr::from_bytes(path));
        move |source| Self::Io { action, path, source: source.into() }
    }
}

impl From<io::Error> for Error {
    /// For [`paddock_sys::thread::scoped`] alone, whose own failure is to make a thread.
    fn from(source: io::Error) -> Self {
        Self::Io { action: "make a thread for", path: PathBuf::new(), source }
    }
}
