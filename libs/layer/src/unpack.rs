//! From a stream to a tree of files. Whoever wrote the stream is taken for an enemy.
//!
//! What keeps the host safe, innermost first:
//!
//! - every name is taken apart; `..` is refused, an absolute name is one beneath the target, and each directory on the way
//!   is opened without the kernel following a link, so nothing outside the target can be named by a path, a link, or a
//!   link made a member before (a hard link's target is found in the same way);
//! - nothing that is there is ever opened for writing: a member makes its file anew, and replaces what it finds by that;
//! - marks of deletion are made by us alone: a member cannot bring an overlay's attributes, nor a device 0:0;
//! - devices and set-user-id files are made as they are told, since a sandbox's root may have made them; the target must
//!   lie on a mount that gives them no meaning (`nodev`), and be reachable by nobody else before a sandbox runs on it;
//! - sizes are those that arrive: nothing is set aside for one that is only told; [`Limits`] end what never ends;
//! - the process around it has no other files to reach and no privilege but to make files (see `paddock-porter`).
//!
//! An archive is what we wrote, and anything odd in it is an error. A layer may come from any tool, and is understood as
//! those do that unpack images (`docs/decisions/0026-layers-of-others.md`): of two members with one name the later one
//! holds, whatever both are; a link on the way is followed beneath the target; owners that no sandbox can have become
//! nobody; what old tools left in the place of marks is passed over.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use paddock_tree::{Kind, node, xattr};
use rustix::fs::AtFlags;
use tar::EntryType;

use crate::marks::{GONE, LEFTOVER, OPAQUE, OPAQUE_ATTRIBUTE, travels};
use crate::pack::as_path;
use crate::place::{Links, Place, may_be_replaced};
use crate::read::{Manners, Member, Reader};
use crate::{Form, Rules, SECTIONS};

/// How much longer a stream may be than twice the bytes of its files.
const STREAM_SLACK: u64 = 1 << 30;
/// How many owners a sandbox can tell apart (its user namespace), and who owns what belongs to any other.
const OWNERS: u32 = 65_536;
const NOBODY: u32 = 65_534;

/// What a stream may hold at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Members.
    pub members: u64,
    /// Bytes of files together, holes not counted.
    pub bytes: u64,
}

/// What came out of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unpacked {
    /// Members.
    pub members: u64,
    /// Bytes of files together, holes not counted.
    pub bytes: u64,
}

/// Why a stream could not be unpacked. What was made until then stays; whoever asked removes it.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The stream could not be read.
    #[error("could not read the stream")]
    Input(#[source] io::Error),
    /// It ends before its end.
    #[error("the stream ends before its end")]
    Truncated,
    /// It is no tar stream, or a broken one.
    #[error("the stream is broken: {what}")]
    Malformed {
        /// Where it is.
        what: &'static str,
    },
    /// It holds what is not understood, and guessing could misread it.
    #[error("the stream holds {what}, which cannot be unpacked")]
    Unsupported {
        /// What.
        what: &'static str,
    },
    /// A member is not what an honest stream holds.
    #[error("{path:?} is refused: {why}")]
    Refused {
        /// Its name.
        path: PathBuf,
        /// Why.
        why: &'static str,
    },
    /// It holds more than it may.
    #[error("it is too large when it is unpacked: {what} is more than {limit}")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// The most.
        limit: u64,
    },
    /// A file could not be made.
    #[error("could not make {path:?}")]
    Make {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl UnpackError {
    /// Whether the disk, or the sandbox's share of it, is full.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Make { source, .. }
            if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }
}

/// Fills the directory `root` from `input`, which has the form `form`: for a layer an empty directory that becomes an
/// overlay's upper or lower, for an archive a volume with its empty `upper` and `data`. Blocks. Reads `input` to its end.
///
/// # Errors
/// See [`UnpackError`]; what was made until then stays.
pub fn unpack(root: OwnedFd, form: Form, input: impl Read, limits: Limits) -> Result<Unpacked, UnpackError> {
    let manners = if form == Form::Layer { Manners::Others } else { Manners::Ours };
    // Heads, padding, and what stands where nobody looks are bounded by this: it must not take for ever either.
    let most = limits.bytes.saturating_mul(2).saturating_add(STREAM_SLACK);
    let mut reader = Reader::new(input, manners, most);
    let links = if form == Form::Layer { Links::Followed } else { Links::Refused };
    let mut unpacker = Unpacker {
        place: Place::at(root, links),
        form,
        limits,
        unpacked: Unpacked::default(),
        buffer: vec![0; 256 << 10],
    };
    while let Some(member) = reader.next()? {
        unpacker.member(&mut reader, member)?;
    }
    let made = |source| UnpackError::Make { path: PathBuf::from("."), source };
    unpacker.place.finish().map_err(made)?;
    Ok(unpacker.unpacked)
}

struct Unpacker {
    place: Place,
    form: Form,
    limits: Limits,
    unpacked: Unpacked,
    buffer: Vec<u8>,
}

impl Unpacker {
    fn member<R: Read>(&mut self, reader: &mut Reader<R>, mut member: Member) -> Result<(), UnpackError> {
        self.unpacked.members += 1;
        if self.unpacked.members > self.limits.members {
            return Err(UnpackError::TooLarge { what: "the number of files", limit: self.limits.members });
        }
        let path = as_path(&member.path);
        let refused = |why| UnpackError::Refused { path: path.clone(), why };
        let names = names(&member.path).map_err(refused)?;
        if self.form == Form::Layer {
            if names.iter().any(|name| is_leftover(name)) {
                return Ok(());
            }
            map_owner(&mut member);
        }
        let rules = self.rules(&names).map_err(refused)?;
        if rules == Rules::Overlay && member.kind == EntryType::Char && member.device == (0, 0) {
            return Err(refused("a device 0:0 is a mark of deletion"));
        }
        // The kernel lets nothing but files and directories have those that users set.
        let has_users =
            matches!(member.kind, EntryType::Regular | EntryType::Continuous | EntryType::Directory);
        member
            .attributes
            .retain(|(name, _)| travels(name) && (has_users || !name.to_bytes().starts_with(b"user.")));
        self.make(reader, member, &names, rules).map_err(|error| match error {
            Failure::Make(source) if source.kind() == io::ErrorKind::NotADirectory => {
                refused("its way leads through something that is no directory")
            }
            Failure::Make(source)
                if source.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) =>
            {
                refused("its way leads through links without an end")
            }
            Failure::Make(source) => UnpackError::Make { path: path.clone(), source },
            Failure::Refused(why) => refused(why),
            Failure::Other(error) => error,
        })
    }

    /// Which rules hold for the member that `names` lead to.
    fn rules(&self, names: &[CString]) -> Result<Rules, &'static str> {
        if self.form == Form::Layer {
            return Ok(Rules::Overlay);
        }
        let section = names.first().map(CString::as_bytes);
        let found = SECTIONS.iter().find(|(name, _)| section == Some(name.as_bytes()));
        found.map(|(_, rules)| *rules).ok_or("it belongs to no part of a volume")
    }

    fn make<R: Read>(
        &mut self,
        reader: &mut Reader<R>,
        member: Member,
        names: &[CString],
        rules: Rules,
    ) -> Result<(), Failure> {
        let owner = (member.uid, member.gid);
        let Some((name, parents)) = names.split_last() else {
            return self.root(member);
        };
        if names.len() == 1 && self.form == Form::Archive {
            if member.kind != EntryType::Directory {
                return Err(Failure::Refused("a part of a volume is a directory"));
            }
            self.place.go(names)?;
            return Ok(self.place.dress(owner, member.mode, member.modified, member.attributes)?);
        }
        self.place.go(parents)?;
        if rules == Rules::Overlay && !member.is_literal && name.as_bytes().starts_with(GONE) {
            return self.mark(name);
        }
        let there = self.place.look(name)?;
        if member.kind == EntryType::Directory {
            return self.directory(name, names, there.as_ref(), member, rules);
        }
        if let Some(there) = there {
            // Found first: a link to itself would be removed and then not be there.
            if member.kind == EntryType::Link && names == self::names(&member.link).unwrap_or_default() {
                return Err(Failure::Refused("it is a link to itself"));
            }
            match (may_be_replaced(&there), self.form) {
                (true, _) => self.place.unlink(name)?,
                (false, Form::Layer) => self.place.remove_directory(name)?,
                (false, Form::Archive) => return Err(Failure::Refused("it is a directory already")),
            }
        }
        let here = self.place.here()?;
        let kind = match member.kind {
            EntryType::Regular | EntryType::Continuous => return self.file(reader, name, member),
            EntryType::Link => return self.link(name, &member),
            EntryType::Symlink => {
                let target =
                    CString::new(member.link).map_err(|_| Failure::Refused("its target is no name"))?;
                rustix::fs::symlinkat(&*target, here, &**name).map_err(io::Error::from)?;
                Kind::Symlink
            }
            EntryType::Char => make_special(here, name, Kind::Character, member.device)?,
            EntryType::Block => make_special(here, name, Kind::Block, member.device)?,
            EntryType::Fifo => make_special(here, name, Kind::Fifo, (0, 0))?,
            _ => {
                return Err(Failure::Other(UnpackError::Unsupported { what: "a member of an unknown kind" }));
            }
        };
        node::set_owner_and_mode(here, name, kind, owner, member.mode)?;
        for (attribute, value) in &member.attributes {
            xattr::set_unopened(here, name, attribute, value)?;
        }
        Ok(node::set_time(here, name, member.modified)?)
    }

    /// The target itself: its owner, mode and time.
    fn root(&mut self, member: Member) -> Result<(), Failure> {
        if self.form == Form::Archive || member.kind != EntryType::Directory {
            return Err(Failure::Refused("it has no name"));
        }
        self.place.go(&[])?;
        Ok(self.place.dress((member.uid, member.gid), member.mode, member.modified, member.attributes)?)
    }

    fn directory(
        &mut self,
        name: &CStr,
        names: &[CString],
        there: Option<&paddock_tree::Node>,
        member: Member,
        rules: Rules,
    ) -> Result<(), Failure> {
        let hides = there.is_some_and(|there| is_mark(there, rules));
        if there.is_some_and(may_be_replaced) {
            self.place.unlink(name)?;
        }
        self.place.go(names)?;
        if hides {
            // Both "the old one is gone" and "here is a new one" were said.
            let (attribute, value) = OPAQUE_ATTRIBUTE;
            xattr::set(self.place.here()?, attribute, value)?;
        }
        let owner = (member.uid, member.gid);
        Ok(self.place.dress(owner, member.mode, member.modified, member.attributes)?)
    }

    /// What a member whose name is a mark says of the directory where we are.
    fn mark(&mut self, name: &CStr) -> Result<(), Failure> {
        let here = self.place.here()?;
        let (attribute, value) = OPAQUE_ATTRIBUTE;
        if name.to_bytes() == OPAQUE {
            return Ok(xattr::set(here, attribute, value)?);
        }
        let gone = name.to_bytes().strip_prefix(GONE).unwrap_or_default();
        if gone.is_empty() || gone == b"." || gone == b".." || gone.starts_with(GONE) {
            return Err(Failure::Refused("it is a mark of nothing"));
        }
        let gone = CString::new(gone).map_err(|_| Failure::Refused("it is a mark of nothing"))?;
        match self.place.look(&gone)? {
            None => {
                make_special(here, &gone, Kind::Character, (0, 0))?;
                Ok(node::set_owner_and_mode(here, &gone, Kind::Character, (0, 0), 0)?)
            }
            // The old one is gone, and this stream brought a new one before: a directory must hide the old one's content.
            Some(there) if there.kind == Kind::Directory => {
                Ok(xattr::set(node::open_directory(here, &gone)?, attribute, value)?)
            }
            Some(_) => Ok(()),
        }
    }

    fn link(&mut self, name: &CStr, member: &Member) -> Result<(), Failure> {
        let target = names(&member.link).map_err(Failure::Refused)?;
        let Some((last, parents)) = target.split_last() else {
            return Err(Failure::Refused("it is a link to nothing"));
        };
        let rules = self.rules(&target).map_err(Failure::Refused)?;
        let missing = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => {
                Failure::Refused("it is a link to a file that the stream did not bring before")
            }
            _ => Failure::Make(error),
        };
        let from = self.place.find(parents).map_err(missing)?;
        let there = paddock_tree::Node::look(std::os::fd::AsFd::as_fd(&from), last).map_err(missing)?;
        if there.kind == Kind::Directory || is_mark(&there, rules) {
            return Err(Failure::Refused("it is a link to what cannot have two names"));
        }
        let here = self.place.here()?;
        Ok(rustix::fs::linkat(&from, &**last, here, name, AtFlags::empty()).map_err(io::Error::from)?)
    }

    fn file<R: Read>(&mut self, reader: &mut Reader<R>, name: &CStr, member: Member) -> Result<(), Failure> {
        let here = self.place.here()?;
        let file = node::make_file(here, name)?;
        for piece in &member.pieces {
            let (mut at, end) = (piece.offset, piece.offset + piece.length);
            while at < end {
                let most = usize::try_from(end - at).unwrap_or(usize::MAX).min(self.buffer.len());
                let count = reader.read_content(self.buffer.get_mut(..most).unwrap_or_default())?;
                if count == 0 {
                    return Err(Failure::Other(UnpackError::Truncated));
                }
                self.unpacked.bytes += count as u64;
                if self.unpacked.bytes > self.limits.bytes {
                    return Err(Failure::Other(UnpackError::TooLarge {
                        what: "the size of all files together",
                        limit: self.limits.bytes,
                    }));
                }
                file.write_all_at(self.buffer.get(..count).unwrap_or_default(), at)?;
                at += count as u64;
            }
        }
        finish_file(&file, here, name, &member)
    }
}

/// A file's end is set last: a told size alone takes no space, and costs nothing when the data never came.
fn finish_file(
    file: &File,
    here: std::os::fd::BorrowedFd<'_>,
    name: &CStr,
    member: &Member,
) -> Result<(), Failure> {
    // An empty piece writes nothing, and so does not make the file longer.
    let last = member.pieces.iter().rfind(|piece| piece.length > 0);
    if last.map_or(0, |piece| piece.offset + piece.length) < member.size {
        file.set_len(member.size)?;
    }
    node::set_owner_and_mode(here, name, Kind::File, (member.uid, member.gid), member.mode)?;
    member.attributes.iter().try_for_each(|(attribute, value)| xattr::set(file, attribute, value))?;
    Ok(node::set_time(here, name, member.modified)?)
}

/// Why one member could not be made.
enum Failure {
    Make(io::Error),
    Refused(&'static str),
    Other(UnpackError),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Make(error)
    }
}

impl From<UnpackError> for Failure {
    fn from(error: UnpackError) -> Self {
        Self::Other(error)
    }
}

fn make_special(
    here: std::os::fd::BorrowedFd<'_>,
    name: &CStr,
    kind: Kind,
    device: (u32, u32),
) -> io::Result<Kind> {
    node::make_special(here, name, kind, device)?;
    Ok(kind)
}

/// Whether a name is of those that one old file system kept its books under; tools took them for part of an image.
fn is_leftover(name: &CStr) -> bool {
    name.to_bytes().starts_with(LEFTOVER) && name.to_bytes() != OPAQUE
}

/// Gives what belongs to an owner that no sandbox can have to nobody. With the owner goes the leave to act as it.
fn map_owner(member: &mut Member) {
    if member.uid >= OWNERS {
        member.uid = NOBODY;
        member.mode &= !0o4000;
    }
    if member.gid >= OWNERS {
        member.gid = NOBODY;
        member.mode &= !0o2000;
    }
}

fn is_mark(node: &paddock_tree::Node, rules: Rules) -> bool {
    rules == Rules::Overlay && node.kind == Kind::Character && node.device == (0, 0)
}

/// The names on the way to a member, from the target. `.` and empty ones say nothing.
///
/// # Errors
/// Why there is no such way.
fn names(path: &[u8]) -> Result<Vec<CString>, &'static str> {
    let mut names = Vec::new();
    for name in path.split(|&byte| byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => return Err("its name leads out of the target"),
            // The mark of a deleted file is longer than the name that it stands for.
            name if name.strip_prefix(GONE).unwrap_or(name).len() > 255 => {
                return Err("its name is longer than 255 bytes");
            }
            name => names.push(CString::new(name).map_err(|_| "its name holds a zero")?),
        }
    }
    Ok(names)
}
