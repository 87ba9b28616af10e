//! From a tree of files to a stream.

use std::collections::HashMap;
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use paddock_tree::data::{self, Piece};
use paddock_tree::{Entry, Kind, Node, Step, Time, Walk, node, xattr};
use tar::EntryType;

use crate::head::{BLOCK, Head, padding};
use crate::marks::{GONE, OPAQUE, OPAQUE_ATTRIBUTE, is_gone, says_gone, travels};
use crate::pax::Records;
use crate::{Form, Rules, SECTIONS};

/// A file with more pieces than this between its holes is stored with its later holes as zeros: what is told of pieces
/// lies in memory on both sides.
pub(crate) const MAX_PIECES: usize = 1 << 16;
/// How much is read at once.
const CHUNK: usize = 256 << 10;

/// Why a tree could not be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The tree could not be read.
    #[error("could not read the files")]
    Tree(#[from] paddock_tree::Error),
    /// A file's name begins like a mark of deletion, and a layer has no way to say that it is none.
    #[error(
        "a file named {path:?} cannot be in a layer: names that begin with .wh. mark deleted files there"
    )]
    Name {
        /// Where it is.
        path: PathBuf,
    },
    /// A file is shorter than a moment ago: the tree did not hold still.
    #[error("{path:?} changed while it was read")]
    Changed {
        /// Which.
        path: PathBuf,
    },
    /// The stream takes no more.
    #[error("could not write the stream")]
    Output(#[source] io::Error),
}

/// What was packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Packed {
    /// Members of the stream.
    pub members: u64,
    /// Bytes of the stream.
    pub bytes: u64,
    /// Sockets that were left out.
    pub sockets: u64,
}

/// Writes the tree in the directory `root` to `out`, in the form `form`: for a layer `root` is an overlay's upper, for an
/// archive a volume. Blocks. The tree must hold still meanwhile.
///
/// # Errors
/// What was written until then is no whole stream: it lacks its end.
pub fn pack(root: OwnedFd, form: Form, out: impl Write) -> Result<Packed, PackError> {
    let out = BufWriter::with_capacity(CHUNK, out);
    let mut packer = Packer { out, packed: Packed::default(), buffer: vec![0; CHUNK] };
    match form {
        Form::Layer => packer.section(root, b"", Rules::Overlay, form)?,
        Form::Archive => {
            for (name, rules) in SECTIONS {
                let c_name = CString::new(name).unwrap_or_default();
                let section = node::open_directory(root.as_fd(), &c_name)
                    .map_err(paddock_tree::Error::io("open", name.as_bytes()))?;
                packer.section(section, name.as_bytes(), rules, form)?;
            }
        }
    }
    packer.write(&[0; 2 * BLOCK])?;
    packer.out.flush().map_err(PackError::Output)?;
    Ok(packer.packed)
}

struct Packer<W> {
    out: W,
    packed: Packed,
    buffer: Vec<u8>,
}

/// What is known while one tree is packed.
struct Section<'a> {
    prefix: &'a [u8],
    rules: Rules,
    form: Form,
    /// Nodes with several names: the path of the first in the stream, and how many names are still to come.
    seen: HashMap<(u64, u64), (Vec<u8>, u64)>,
}

impl Section<'_> {
    fn path(&self, path: &[u8]) -> Vec<u8> {
        if self.prefix.is_empty() { path.to_vec() } else { [self.prefix, b"/", path].concat() }
    }
}

impl<W: Write> Packer<W> {
    fn section(&mut self, root: OwnedFd, prefix: &[u8], rules: Rules, form: Form) -> Result<(), PackError> {
        let mut section = Section { prefix, rules, form, seen: HashMap::new() };
        let node = Node::of(&root).map_err(paddock_tree::Error::io("look at", prefix))?;
        let path = if prefix.is_empty() { b"./".to_vec() } else { section.path(b"") };
        self.directory(&section, &path, &node, root.as_fd())?;
        let mut walk = Walk::through(root)?;
        while let Some(step) = walk.next()? {
            match step {
                Step::Enter(entry, directory) => {
                    let mut path = section.path(entry.path);
                    path.push(b'/');
                    let records = self.name_records(&section, &entry)?;
                    self.directory_with(&section, &path, &entry.node, directory, records)?;
                }
                Step::Node(entry) => self.node(&mut section, &entry)?,
                Step::Leave => {}
            }
        }
        Ok(())
    }

    fn directory(
        &mut self,
        section: &Section<'_>,
        path: &[u8],
        node: &Node,
        directory: BorrowedFd<'_>,
    ) -> Result<(), PackError> {
        self.directory_with(section, path, node, directory, Records::default())
    }

    fn directory_with(
        &mut self,
        section: &Section<'_>,
        path: &[u8],
        node: &Node,
        directory: BorrowedFd<'_>,
        mut records: Records,
    ) -> Result<(), PackError> {
        let attributes =
            xattr::read(directory).map_err(paddock_tree::Error::io("read attributes of", path))?;
        push_attributes(&mut records, &attributes);
        self.head(path, EntryType::Directory, node, 0, b"", records)?;
        let (name, value) = OPAQUE_ATTRIBUTE;
        let is_opaque = attributes.iter().any(|(n, v)| n.as_c_str() == name && v == value);
        if section.rules == Rules::Overlay && is_opaque {
            let prefix = path.strip_prefix(b"./").unwrap_or(path);
            self.mark(&[prefix, OPAQUE].concat(), node)?;
        }
        Ok(())
    }

    /// A file that is a mark and nothing else: no owner, and no time, which says nothing to anybody.
    fn mark(&mut self, path: &[u8], of: &Node) -> Result<(), PackError> {
        let node = Node { mode: 0, uid: 0, gid: 0, modified: Time::default(), device: (0, 0), ..*of };
        self.head(path, EntryType::Regular, &node, 0, b"", Records::default())
    }

    /// What must be said of a name that would be taken for a mark.
    fn name_records(&self, section: &Section<'_>, entry: &Entry<'_>) -> Result<Records, PackError> {
        let mut records = Records::default();
        if section.rules == Rules::Overlay && entry.name.to_bytes().starts_with(GONE) {
            if section.form == Form::Layer {
                return Err(PackError::Name { path: as_path(entry.path) });
            }
            records.push(crate::read::LITERAL, b"yes");
        }
        Ok(records)
    }

    fn node(&mut self, section: &mut Section<'_>, entry: &Entry<'_>) -> Result<(), PackError> {
        if entry.node.kind == Kind::Socket {
            self.packed.sockets += 1;
            return Ok(());
        }
        let attributes = xattr::read_unopened(entry.parent, entry.name)
            .map_err(paddock_tree::Error::io("read attributes of", entry.path))?;
        let path = section.path(entry.path);
        let marked = || attributes.iter().any(|(name, _)| says_gone(name));
        if section.rules == Rules::Overlay && is_gone(&entry.node, marked) {
            let parent = path.get(..path.len() - entry.name.to_bytes().len()).unwrap_or_default();
            return self.mark(&[parent, GONE, entry.name.to_bytes()].concat(), &entry.node);
        }
        let mut records = self.name_records(section, entry)?;
        if entry.node.names > 1
            && let Some((first, left)) = section.seen.get_mut(&entry.node.identity)
        {
            *left -= 1;
            let is_last = *left == 0;
            let first = first.clone();
            if is_last {
                section.seen.remove(&entry.node.identity);
            }
            return self.head(&path, EntryType::Link, &entry.node, 0, &first, records);
        }
        if entry.node.names > 1 {
            section.seen.insert(entry.node.identity, (path.clone(), entry.node.names - 1));
        }
        push_attributes(&mut records, &attributes);
        match entry.node.kind {
            Kind::File => self.file(&path, entry, records),
            Kind::Symlink => {
                let target = rustix::fs::readlinkat(entry.parent, entry.name, Vec::new())
                    .map_err(paddock_tree::Error::io("read", entry.path))?;
                self.head(&path, EntryType::Symlink, &entry.node, 0, target.to_bytes(), records)
            }
            Kind::Character => self.head(&path, EntryType::Char, &entry.node, 0, b"", records),
            Kind::Block => self.head(&path, EntryType::Block, &entry.node, 0, b"", records),
            // The others came before.
            Kind::Fifo | Kind::Directory | Kind::Socket => {
                self.head(&path, EntryType::Fifo, &entry.node, 0, b"", records)
            }
        }
    }

    fn file(&mut self, path: &[u8], entry: &Entry<'_>, mut records: Records) -> Result<(), PackError> {
        let read = |error| paddock_tree::Error::io("read", entry.path)(error);
        let file = node::open_file(entry.parent, entry.name)
            .map_err(paddock_tree::Error::io::<io::Error>("open", entry.path))?;
        let size = entry.node.size_bytes;
        let pieces = pieces(&file, size).map_err(read)?;
        let stored: u64 = pieces.iter().map(|piece| piece.length).sum();
        if stored == size {
            self.head(path, EntryType::Regular, &entry.node, size, b"", records)?;
        } else {
            // GNU's sparse format 1.0: the map stands before the data, in decimal lines, filled up to a block.
            // A hole at the end is told by an empty piece behind it: GNU tar forgets it otherwise.
            let end = Piece { offset: size, length: 0 };
            let has_tail = pieces.last().is_none_or(|last| last.offset + last.length < size);
            let told = || pieces.iter().chain(has_tail.then_some(&end));
            let mut map = format!("{}\n", told().count());
            for piece in told() {
                map.push_str(&format!("{}\n{}\n", piece.offset, piece.length));
            }
            let mut map = map.into_bytes();
            map.resize(map.len().next_multiple_of(BLOCK), 0);
            for (key, value) in [
                (&b"GNU.sparse.major"[..], &b"1"[..]),
                (b"GNU.sparse.minor", b"0"),
                (b"GNU.sparse.name", path),
                (b"GNU.sparse.realsize", size.to_string().as_bytes()),
            ] {
                records.push(key, value);
            }
            // For readers that know no holes: a name that says so.
            let shown = [b"GNUSparseFile.0/", path].concat();
            self.head(&shown, EntryType::Regular, &entry.node, map.len() as u64 + stored, b"", records)?;
            self.write(&map)?;
        }
        for piece in pieces {
            self.piece(&file, piece, entry)?;
        }
        self.write(&[0; BLOCK][..padding(stored)])
    }

    fn piece(&mut self, file: &File, piece: Piece, entry: &Entry<'_>) -> Result<(), PackError> {
        let (mut at, end) = (piece.offset, piece.offset + piece.length);
        let mut buffer = std::mem::take(&mut self.buffer);
        while at < end {
            let most = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
            let chunk = buffer.get_mut(..most).unwrap_or_default();
            let count = file.read_at(chunk, at).map_err(paddock_tree::Error::io("read", entry.path))?;
            if count == 0 {
                return Err(PackError::Changed { path: as_path(entry.path) });
            }
            self.write(chunk.get(..count).unwrap_or_default())?;
            at += count as u64;
        }
        self.buffer = buffer;
        Ok(())
    }

    fn head(
        &mut self,
        path: &[u8],
        kind: EntryType,
        node: &Node,
        size: u64,
        link: &[u8],
        records: Records,
    ) -> Result<(), PackError> {
        let head = Head {
            path,
            kind,
            mode: node.mode,
            uid: node.uid,
            gid: node.gid,
            size,
            modified: node.modified,
            link,
            device: node.device,
            records,
        };
        self.packed.members += 1;
        self.write(&head.into_bytes())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), PackError> {
        self.packed.bytes += bytes.len() as u64;
        self.out.write_all(bytes).map_err(PackError::Output)
    }
}

fn push_attributes(records: &mut Records, attributes: &xattr::Attributes) {
    for (name, value) in attributes.iter().filter(|(name, _)| travels(name)) {
        records.push_attribute(name, value);
    }
}

/// The pieces of a file between its holes.
fn pieces(file: &File, size: u64) -> io::Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut position = 0;
    while let Some(mut piece) = data::next_piece(file, position, size)? {
        if pieces.len() + 1 == MAX_PIECES {
            piece.length = size - piece.offset;
        }
        position = piece.offset + piece.length;
        pieces.push(piece);
    }
    Ok(pieces)
}

/// Names are bytes.
pub(crate) fn as_path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}
