//! Members of a stream, one after the other. Parses what strangers wrote: every number is checked, every amount of
//! memory is bounded, and what is not understood is refused rather than guessed.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io::{self, Read};

use paddock_tree::Time;
use paddock_tree::data::Piece;
use tar::{EntryType, Header};

use crate::head::{BLOCK, padding};
use crate::pack::MAX_PIECES;
use crate::pax;
use crate::unpack::UnpackError;

/// The record that says that a name which looks like a mark of deletion is none.
pub(crate) const LITERAL: &[u8] = b"PADDOCK.literal";
/// What may stand before one member: its records and its long names. The kernel's own limits on attributes allow about
/// 128 KiB of names and values as a rule, and 64 KiB for each of many at most.
const MAX_HEAD: u64 = 4 << 20;
/// The longest name. What the kernel takes at once is less, but directories may be deeper than that.
const MAX_NAME: usize = 1 << 20;

/// One member.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) path: Vec<u8>,
    pub(crate) kind: EntryType,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) modified: Time,
    pub(crate) link: Vec<u8>,
    pub(crate) device: (u32, u32),
    pub(crate) attributes: Vec<(CString, Vec<u8>)>,
    /// How long the file is, holes and all.
    pub(crate) size: u64,
    /// Where its data belongs, in order, within `size`. A file without holes has one piece.
    pub(crate) pieces: Vec<Piece>,
    pub(crate) is_literal: bool,
}

/// A stream that is read member by member.
pub(crate) struct Reader<R> {
    input: R,
    /// Bytes of the present member's content that were not read, and the zeros behind it.
    left: u64,
    padding: usize,
}

/// What was said before a member's own header.
#[derive(Default)]
struct Before {
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    attributes: Vec<(CString, Vec<u8>)>,
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    bytes: u64,
}

impl<R: Read> Reader<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, left: 0, padding: 0 }
    }

    /// The next member. `None`: the stream ended as streams do. What of the last one's content was not read is passed
    /// over.
    pub(crate) fn next(&mut self) -> Result<Option<Member>, UnpackError> {
        self.pass_over()?;
        let mut before = Before::default();
        loop {
            let mut header = Header::new_old();
            self.fill(header.as_mut_bytes())?;
            if header.as_bytes().iter().all(|&byte| byte == 0) {
                return if before.bytes == 0 {
                    self.end()
                } else {
                    Err(malformed("a head without its member"))
                };
            }
            check_sum(&header)?;
            match header.entry_type() {
                EntryType::XHeader => {
                    let text = self.short(&header, &mut before.bytes)?;
                    before.learn(&text)?;
                }
                EntryType::XGlobalHeader => {
                    // What is said of all members, such as a comment. Nothing that we write or heed.
                    self.short(&header, &mut before.bytes)?;
                    before.bytes = 0;
                }
                EntryType::GNULongName => before.path = Some(self.long_name(&header, &mut before.bytes)?),
                EntryType::GNULongLink => before.link = Some(self.long_name(&header, &mut before.bytes)?),
                _ => return self.member(&header, before).map(Some),
            }
        }
    }

    /// Fills the front of `buffer` with content of the present member. 0: there is no more.
    pub(crate) fn read_content(&mut self, buffer: &mut [u8]) -> Result<usize, UnpackError> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        loop {
            match self.input.read(buffer.get_mut(..most).unwrap_or_default()) {
                Ok(0) => return Err(UnpackError::Truncated),
                Ok(count) => {
                    self.left = self.left.saturating_sub(count as u64);
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(UnpackError::Input(error)),
            }
        }
    }

    fn member(&mut self, header: &Header, before: Before) -> Result<Member, UnpackError> {
        let record = |key: &[u8]| before.records.get(key).map(Vec::as_slice);
        let number = |key: &[u8]| record(key).map(decimal).transpose();
        let id = |key: &[u8], field: io::Result<u64>| -> Result<u32, UnpackError> {
            let value = number(key)?.map_or_else(|| field.map_err(|_| malformed("an owner")), Ok)?;
            u32::try_from(value).map_err(|_| malformed("an owner"))
        };
        let path = record(b"GNU.sparse.name").or_else(|| record(b"path")).map(<[u8]>::to_vec);
        let path = path.or(before.path.clone()).unwrap_or_else(|| header.path_bytes().into_owned());
        let link = record(b"linkpath").map(<[u8]>::to_vec).or(before.link.clone());
        let link = link.unwrap_or_else(|| header.link_name_bytes().unwrap_or_default().into_owned());
        if path.len() > MAX_NAME || link.len() > MAX_NAME {
            return Err(malformed("a name"));
        }
        let modified = match record(b"mtime") {
            Some(text) => pax::parse_time(text).ok_or_else(|| malformed("a time"))?,
            None => {
                let seconds = header.mtime().map_err(|_| malformed("a time"))?;
                Time { seconds: i64::try_from(seconds).map_err(|_| malformed("a time"))?, nanoseconds: 0 }
            }
        };
        // Before there was a letter for directories, a stroke at the end of a name said so.
        let kind = match header.entry_type() {
            EntryType::Regular | EntryType::Continuous if path.ends_with(b"/") => EntryType::Directory,
            other => other,
        };
        let device = |field: io::Result<Option<u32>>| {
            field.map(Option::unwrap_or_default).map_err(|_| malformed("a device"))
        };
        let device = match kind {
            EntryType::Char | EntryType::Block => {
                (device(header.device_major())?, device(header.device_minor())?)
            }
            _ => (0, 0),
        };
        let mut member = Member {
            kind,
            mode: header.mode().map_err(|_| malformed("a mode"))? & 0o7777,
            uid: id(b"uid", header.uid())?,
            gid: id(b"gid", header.gid())?,
            modified,
            link,
            device,
            size: 0,
            pieces: Vec::new(),
            is_literal: record(LITERAL).is_some(),
            path,
            attributes: Vec::new(),
        };
        if matches!(kind, EntryType::Regular | EntryType::Continuous) {
            let field = || header.entry_size().map_err(|_| malformed("a size"));
            let stored = number(b"size")?.map_or_else(field, Ok)?;
            (self.left, self.padding) = (stored, padding(stored));
            self.find_pieces(&mut member, &before.records)?;
        }
        member.attributes = before.attributes;
        Ok(member)
    }

    /// Reads where the data of a file belongs.
    fn find_pieces(
        &mut self,
        member: &mut Member,
        records: &BTreeMap<Vec<u8>, Vec<u8>>,
    ) -> Result<(), UnpackError> {
        if !records.keys().any(|key| key.starts_with(b"GNU.sparse.")) {
            member.size = self.left;
            member.pieces.push(Piece { offset: 0, length: self.left });
            return Ok(());
        }
        let get = |key: &[u8]| records.get(key).map(Vec::as_slice);
        if (get(b"GNU.sparse.major"), get(b"GNU.sparse.minor")) != (Some(b"1"), Some(b"0")) {
            return Err(UnpackError::Unsupported { what: "a file with holes in an old format" });
        }
        member.size = decimal(get(b"GNU.sparse.realsize").unwrap_or_default())?;
        let mut map = Map { reader: self, block: [0; BLOCK], at: BLOCK };
        let count = map.number()?;
        // One more than we write pieces, for a hole at the end.
        if count > MAX_PIECES as u64 + 1 {
            return Err(malformed("a file with too many holes"));
        }
        let mut end = 0u64;
        for _ in 0..count {
            let piece = Piece { offset: map.number()?, length: map.number()? };
            let behind = piece.offset.checked_add(piece.length).filter(|&behind| behind <= member.size);
            if piece.offset < end || behind.is_none() {
                return Err(malformed("the holes of a file"));
            }
            end = behind.unwrap_or(end);
            member.pieces.push(piece);
        }
        let told: u64 = member.pieces.iter().map(|piece| piece.length).sum();
        if told == self.left { Ok(()) } else { Err(malformed("the holes of a file")) }
    }

    /// The whole content of something that stands before a member.
    fn short(&mut self, header: &Header, total: &mut u64) -> Result<Vec<u8>, UnpackError> {
        let size = header.entry_size().map_err(|_| malformed("a size"))?;
        *total = total.saturating_add(size).saturating_add(BLOCK as u64);
        if *total > MAX_HEAD {
            return Err(UnpackError::TooLarge { what: "what is said before a member", limit: MAX_HEAD });
        }
        let mut text = vec![0; usize::try_from(size).unwrap_or(0)];
        self.fill(&mut text)?;
        self.fill(&mut [0; BLOCK][..padding(size)])?;
        Ok(text)
    }

    fn long_name(&mut self, header: &Header, total: &mut u64) -> Result<Vec<u8>, UnpackError> {
        let mut name = self.short(header, total)?;
        let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
        name.truncate(end);
        Ok(name)
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), UnpackError> {
        self.input.read_exact(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => UnpackError::Truncated,
            _ => UnpackError::Input(error),
        })
    }

    fn pass_over(&mut self) -> Result<(), UnpackError> {
        let mut buffer = vec![0; if self.left > 0 { 64 << 10 } else { 0 }];
        while self.read_content(&mut buffer)? > 0 {}
        let padding = std::mem::take(&mut self.padding);
        self.fill(&mut [0; BLOCK][..padding])
    }

    /// After one block of zeros comes another, and then zeros alone: what else is behind the end belongs to nobody.
    fn end(&mut self) -> Result<Option<Member>, UnpackError> {
        self.fill(&mut [0; BLOCK])?;
        let mut buffer = [0; BLOCK];
        loop {
            match self.input.read(&mut buffer) {
                Ok(0) => return Ok(None),
                Ok(count) if buffer.iter().take(count).all(|&byte| byte == 0) => {}
                Ok(_) => return Err(malformed("something behind its end")),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(UnpackError::Input(error)),
            }
        }
    }
}

/// The decimal lines that stand before the data of a file with holes, block by block.
struct Map<'a, R> {
    reader: &'a mut Reader<R>,
    block: [u8; BLOCK],
    at: usize,
}

impl<R: Read> Map<'_, R> {
    fn number(&mut self) -> Result<u64, UnpackError> {
        let mut digits = Vec::with_capacity(20);
        loop {
            if self.at == BLOCK {
                if self.reader.left < BLOCK as u64 {
                    return Err(malformed("the holes of a file"));
                }
                self.reader.fill(&mut self.block)?;
                self.reader.left -= BLOCK as u64;
                self.at = 0;
            }
            let byte = self.block.get(self.at).copied().unwrap_or_default();
            self.at += 1;
            match byte {
                b'\n' => return decimal(&digits),
                _ if digits.len() == 20 => return Err(malformed("the holes of a file")),
                byte => digits.push(byte),
            }
        }
    }
}

impl Before {
    fn learn(&mut self, text: &[u8]) -> Result<(), UnpackError> {
        let mut rest = text;
        while !rest.is_empty() {
            let (key, value, behind) = pax::next(rest).ok_or_else(|| malformed("a record"))?;
            match pax::attribute(key) {
                Some(name) => {
                    let name = name.ok_or_else(|| malformed("the name of an attribute"))?;
                    self.attributes.push((name, value.to_vec()));
                }
                None => {
                    self.records.insert(key.to_vec(), value.to_vec());
                }
            }
            rest = behind;
        }
        Ok(())
    }
}

fn check_sum(header: &Header) -> Result<(), UnpackError> {
    let bytes = header.as_bytes();
    let sum: u32 = bytes
        .iter()
        .zip(0..)
        .map(|(&byte, at)| if (148..156).contains(&at) { 32 } else { u32::from(byte) })
        .sum();
    if header.cksum().is_ok_and(|told| told == sum) { Ok(()) } else { Err(malformed("the sum of a header")) }
}

fn decimal(text: &[u8]) -> Result<u64, UnpackError> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    text.and_then(|text| text.parse().ok()).ok_or_else(|| malformed("a number"))
}

fn malformed(what: &'static str) -> UnpackError {
    UnpackError::Malformed { what }
}
