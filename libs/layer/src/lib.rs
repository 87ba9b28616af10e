//! A sandbox's own files as a stream of bytes, and back.
//!
//! There are two forms, both tar streams of the PAX kind (`docs/decisions/0016-the-form-of-archives.md`):
//!
//! - a **layer** is an overlay's *upper* as an OCI image layer: deleted names and emptied directories as `.wh.` marks;
//! - an **archive** is all of a sandbox's volume: the same beneath `upper/`, and beneath `data/`, to the letter, what
//!   engines inside keep beside the root file system.
//!
//! What a stream holds: files with their holes, directories, links of both kinds, devices, pipes; owners, modes, times to
//! the nanosecond, extended attributes with access lists and capabilities. What it does not: sockets (a name that nobody
//! listens at), times of reading, and marks that mean something to one overlay on one host (`trusted.overlay.*`).
//!
//! Order: a directory before what is in it, names by their bytes; so the same tree gives the same bytes. Memory: the
//! names of the largest directory, and of files that have several names.
//!
//! Packing trusts nothing but that the tree holds still; unpacking trusts nothing. See [`unpack`].
//!
//! Invariant: both act through open directories and never follow a link; both use the working directory of the calling
//! thread (see `paddock_tree`), and so run in a process, or on a thread, that has one of its own.

mod head;
mod holes;
mod marks;
mod number;
pub mod pack;
mod pax;
mod place;
mod read;
pub mod unpack;

pub use pack::{PackError, Packed, pack};
pub use unpack::{Limits, UnpackError, Unpacked, unpack};

/// What a stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// An overlay's upper alone: an OCI image layer.
    Layer,
    /// A volume: `upper` and `data`.
    Archive,
}

/// Which rules hold for a part of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rules {
    /// An overlay's upper: marks of deletion become names, and names marks.
    Overlay,
    /// Everything is what it is.
    Plain,
}

/// The parts of an archive, by the directory of the volume that each comes from.
const SECTIONS: [(&str, Rules); 2] = [("upper", Rules::Overlay), ("data", Rules::Plain)];
