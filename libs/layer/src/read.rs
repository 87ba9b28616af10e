//! Members of a stream, one after the other. Parses what strangers wrote: every number is checked, every amount of
//! memory is bounded, and what is not understood is refused rather than guessed.
//!
//! Headers of all kinds that are still met: the first one, ustar, GNU's with long names and holes, PAX with each of its
//! three ways to tell of holes.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io::{self, Read};

use paddock_tree::Time;
use paddock_tree::data::Piece;
use tar::{EntryType, Header};

use crate::head::{BLOCK, padding};
use crate::holes;
use crate::number;
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

/// Who wrote the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manners {
    /// We did: it ends as tar streams end, and nothing is behind that.
    Ours,
    /// Anybody: many leave out the end, or have something behind it that nobody reads.
    Others,
}

/// A stream that is read member by member.
pub(crate) struct Reader<R> {
    input: R,
    manners: Manners,
    /// How many more bytes it may have, and how many that was at first.
    allowed: u64,
    most: u64,
    has_begun: bool,
    /// Bytes of the present member's content that were not read, and the zeros behind it.
    pub(crate) left: u64,
    padding: usize,
}

/// What was said before a member's own header.
#[derive(Default)]
struct Before {
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    attributes: Vec<(CString, Vec<u8>)>,
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    /// The oldest way to tell of holes in records: many of the same name.
    offsets: Vec<u64>,
    lengths: Vec<u64>,
    bytes: u64,
}

impl<R: Read> Reader<R> {
    /// At most `most` bytes are read.
    pub(crate) fn new(input: R, manners: Manners, most: u64) -> Self {
        Self { input, manners, allowed: most, most, has_begun: false, left: 0, padding: 0 }
    }

    /// The next member. `None`: the stream ended as streams do. What of the last one's content was not read is passed
    /// over.
    pub(crate) fn next(&mut self) -> Result<Option<Member>, UnpackError> {
        self.pass_over()?;
        let mut before = Before::default();
        loop {
            let mut header = Header::new_old();
            let may_end = self.manners == Manners::Others && self.has_begun && before.bytes == 0;
            if !self.fill_or_end(header.as_mut_bytes(), may_end)? {
                return Ok(None);
            }
            self.has_begun = true;
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
        match self.take(buffer.get_mut(..most).unwrap_or_default())? {
            0 => Err(UnpackError::Truncated),
            count => {
                self.left = self.left.saturating_sub(count as u64);
                Ok(count)
            }
        }
    }

    /// One read of what is left of the stream. 0: its end.
    fn take(&mut self, buffer: &mut [u8]) -> Result<usize, UnpackError> {
        loop {
            match self.input.read(buffer) {
                Ok(count) => {
                    let left = self.allowed.checked_sub(count as u64);
                    let too_large = UnpackError::TooLarge { what: "the whole stream", limit: self.most };
                    self.allowed = left.ok_or(too_large)?;
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
        let old = header.as_old();
        let id = |key: &[u8], field: &[u8]| -> Result<u32, UnpackError> {
            let told = match number(key)? {
                Some(told) => i64::try_from(told).ok(),
                None => Some(number::signed(field).ok_or_else(|| malformed("an owner"))?),
            };
            match told.and_then(|told| u32::try_from(told).ok()) {
                // The last one is nobody's: to the kernel it means that nothing changes.
                Some(id) if id < u32::MAX => Ok(id),
                _ if self.manners == Manners::Others => Ok(u32::MAX),
                _ => Err(malformed("an owner")),
            }
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
            None => Time {
                seconds: number::signed(&old.mtime).ok_or_else(|| malformed("a time"))?,
                nanoseconds: 0,
            },
        };
        // Before there was a letter for directories, a stroke at the end of a name said so.
        let kind = match header.entry_type() {
            EntryType::Regular | EntryType::Continuous if path.ends_with(b"/") => EntryType::Directory,
            // Its holes are told beside its name.
            EntryType::GNUSparse => EntryType::Regular,
            other => other,
        };
        let device = match kind {
            EntryType::Char | EntryType::Block => device(header).ok_or_else(|| malformed("a device"))?,
            _ => (0, 0),
        };
        let mut member = Member {
            kind,
            mode: u32::try_from(number::unsigned(&old.mode).ok_or_else(|| malformed("a mode"))? & 0o7777)
                .unwrap_or(0),
            uid: id(b"uid", &old.uid)?,
            gid: id(b"gid", &old.gid)?,
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
            let stored = number(b"size")?.map_or_else(|| size_of(header), Ok)?;
            if header.entry_type() == EntryType::GNUSparse {
                // Before the content comes the rest of the list of its pieces.
                (member.size, member.pieces) = holes::of_gnu(self, header, stored)?;
                (self.left, self.padding) = (stored, padding(stored));
            } else {
                (self.left, self.padding) = (stored, padding(stored));
                self.find_pieces(&mut member, &before)?;
            }
        }
        member.attributes = before.attributes;
        Ok(member)
    }

    /// Reads where the data of a file belongs.
    fn find_pieces(&mut self, member: &mut Member, before: &Before) -> Result<(), UnpackError> {
        if !before.records.keys().any(|key| key.starts_with(b"GNU.sparse.")) {
            member.size = self.left;
            member.pieces.push(Piece { offset: 0, length: self.left });
            return Ok(());
        }
        let get = |key: &[u8]| before.records.get(key).map(Vec::as_slice);
        (member.size, member.pieces) = match (get(b"GNU.sparse.major"), get(b"GNU.sparse.minor")) {
            (Some(b"1"), Some(b"0")) => {
                let size = decimal(get(b"GNU.sparse.realsize").unwrap_or_default())?;
                (size, holes::in_content(self, size)?)
            }
            // 0.1 has them in one record, 0.0 in as many as it takes.
            (None | Some(b"0"), None | Some(b"0" | b"1")) => {
                let size = decimal(get(b"GNU.sparse.size").unwrap_or_default())?;
                let pieces = match get(b"GNU.sparse.map") {
                    Some(map) => holes::in_record(map, size, self.left)?,
                    None => holes::in_records(&before.offsets, &before.lengths, size, self.left)?,
                };
                (size, pieces)
            }
            _ => {
                return Err(UnpackError::Unsupported {
                    what: "a file with holes in a format that is not known",
                });
            }
        };
        Ok(())
    }

    /// The whole content of something that stands before a member.
    fn short(&mut self, header: &Header, total: &mut u64) -> Result<Vec<u8>, UnpackError> {
        let size = size_of(header)?;
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

    pub(crate) fn fill(&mut self, buffer: &mut [u8]) -> Result<(), UnpackError> {
        self.fill_or_end(buffer, false).map(drop)
    }

    /// Fills `buffer`. `Ok(false)`: the stream has ended before it, and may.
    fn fill_or_end(&mut self, buffer: &mut [u8], may_end: bool) -> Result<bool, UnpackError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.take(buffer.get_mut(filled..).unwrap_or_default())? {
                0 if filled == 0 && may_end => return Ok(false),
                0 => return Err(UnpackError::Truncated),
                count => filled += count,
            }
        }
        Ok(true)
    }

    fn pass_over(&mut self) -> Result<(), UnpackError> {
        let mut buffer = vec![0; if self.left > 0 { 64 << 10 } else { 0 }];
        while self.read_content(&mut buffer)? > 0 {}
        let padding = std::mem::take(&mut self.padding);
        self.fill(&mut [0; BLOCK][..padding])
    }

    /// After one block of zeros comes another, and then zeros alone: what else is behind the end belongs to nobody. Other
    /// people's streams are read to where they end, and what is there is not looked at.
    fn end(&mut self) -> Result<Option<Member>, UnpackError> {
        if self.manners == Manners::Ours {
            self.fill(&mut [0; BLOCK])?;
        }
        let mut buffer = vec![0; 64 << 10];
        loop {
            match self.take(&mut buffer)? {
                0 => return Ok(None),
                _ if self.manners == Manners::Others => {}
                count if buffer.iter().take(count).all(|&byte| byte == 0) => {}
                _ => return Err(malformed("something behind its end")),
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
                None if key == b"GNU.sparse.offset" => self.offsets.push(decimal(value)?),
                None if key == b"GNU.sparse.numbytes" => self.lengths.push(decimal(value)?),
                // Without a value it takes back what was said.
                None if value.is_empty() && key != LITERAL => {
                    self.records.remove(key);
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
    let others = || {
        header.as_bytes().iter().zip(0..).filter(|(_, at)| !(148..156).contains(at)).map(|(&byte, _)| byte)
    };
    // The sum is made as if blanks stood in its own place. Some old tools took bytes for signed numbers.
    let sum = 8 * 32 + others().map(u64::from).sum::<u64>();
    let signed = 8 * 32 + others().map(|byte| i64::from(byte.cast_signed())).sum::<i64>();
    let told = number::signed(&header.as_old().cksum);
    let is_right = told.is_some_and(|told| u64::try_from(told) == Ok(sum) || told == signed);
    if is_right { Ok(()) } else { Err(malformed("the sum of a header")) }
}

fn size_of(header: &Header) -> Result<u64, UnpackError> {
    number::unsigned(&header.as_old().size).ok_or_else(|| malformed("a size"))
}

/// The numbers of a device. Headers of the first kind have none.
fn device(header: &Header) -> Option<(u32, u32)> {
    let fields = match (header.as_ustar(), header.as_gnu()) {
        (Some(ustar), _) => Some((&ustar.dev_major, &ustar.dev_minor)),
        (None, Some(gnu)) => Some((&gnu.dev_major, &gnu.dev_minor)),
        (None, None) => None,
    };
    let Some((major, minor)) = fields else { return Some((0, 0)) };
    let read = |field: &[u8]| u32::try_from(number::unsigned(field)?).ok();
    Some((read(major)?, read(minor)?))
}

pub(crate) fn decimal(text: &[u8]) -> Result<u64, UnpackError> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    text.and_then(|text| text.parse().ok()).ok_or_else(|| malformed("a number"))
}

pub(crate) fn malformed(what: &'static str) -> UnpackError {
    UnpackError::Malformed { what }
}
