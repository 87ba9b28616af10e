//! Where the data of a file with holes belongs: four ways to say it.
//!
//! | who | where |
//! |---|---|
//! | GNU, old | in the header, and in blocks behind it |
//! | PAX 0.0 | a pair of records for each piece |
//! | PAX 0.1 | one record with all pieces |
//! | PAX 1.0 | before the data, in decimal lines; what we write |

use std::io::Read;

use paddock_tree::data::Piece;
use tar::Header;

use crate::head::BLOCK;
use crate::number;
use crate::pack::MAX_PIECES;
use crate::read::{Reader, decimal, malformed};
use crate::unpack::UnpackError;

/// How many bytes an entry of GNU's lists has, two numbers, and how many of them a block has.
const ENTRY: usize = 24;
const ENTRIES_OF_BLOCK: usize = 21;
/// Where the first list lies in a header, how many entries it has; what follows says whether there are more.
const FIRST: usize = 386;
const ENTRIES_OF_HEADER: usize = 4;
const HEADER_GOES_ON: usize = 482;
const BLOCK_GOES_ON: usize = ENTRY * ENTRIES_OF_BLOCK;

/// Pieces in order, within a file, and not too many.
struct Pieces {
    size: u64,
    end: u64,
    stored: u64,
    list: Vec<Piece>,
}

impl Pieces {
    fn of(size: u64) -> Self {
        Self { size, end: 0, stored: 0, list: Vec::new() }
    }

    fn push(&mut self, offset: u64, length: u64) -> Result<(), UnpackError> {
        // One more than we write pieces, for a hole at the end.
        if self.list.len() > MAX_PIECES {
            return Err(malformed("a file with too many holes"));
        }
        let behind = offset.checked_add(length).filter(|&behind| behind <= self.size);
        let Some(behind) = behind.filter(|_| offset >= self.end) else {
            return Err(malformed("the holes of a file"));
        };
        self.end = behind;
        // No more than the size, since each begins where another ended.
        self.stored += length;
        self.list.push(Piece { offset, length });
        Ok(())
    }

    /// All of them, which together have `stored` bytes.
    fn finish(self, stored: u64) -> Result<Vec<Piece>, UnpackError> {
        if self.stored == stored { Ok(self.list) } else { Err(malformed("the holes of a file")) }
    }
}

/// Of a header of GNU's own kind, and of the blocks behind it. The size, and the pieces with `stored` bytes together.
pub(crate) fn of_gnu<R: Read>(
    reader: &mut Reader<R>,
    header: &Header,
    stored: u64,
) -> Result<(u64, Vec<Piece>), UnpackError> {
    let gnu = header.as_gnu().ok_or_else(|| malformed("the holes of a file"))?;
    let size = number::unsigned(&gnu.realsize).ok_or_else(|| malformed("a size"))?;
    let mut pieces = Pieces::of(size);
    let bytes = header.as_bytes();
    let first = bytes.get(FIRST..FIRST + ENTRY * ENTRIES_OF_HEADER).unwrap_or_default();
    entries(&mut pieces, first)?;
    let mut goes_on = bytes.get(HEADER_GOES_ON).is_some_and(|&byte| byte != 0 && byte != b'0');
    while goes_on {
        let mut block = [0; BLOCK];
        reader.fill(&mut block)?;
        entries(&mut pieces, block.get(..ENTRY * ENTRIES_OF_BLOCK).unwrap_or_default())?;
        goes_on = block.get(BLOCK_GOES_ON).is_some_and(|&byte| byte != 0 && byte != b'0');
    }
    Ok((size, pieces.finish(stored)?))
}

/// The list ends at its first empty entry.
fn entries(pieces: &mut Pieces, list: &[u8]) -> Result<(), UnpackError> {
    for entry in list.chunks_exact(ENTRY).take_while(|entry| entry.first().is_some_and(|&byte| byte != 0)) {
        let (offset, length) = entry.split_at(ENTRY / 2);
        let read = |field| number::unsigned(field).ok_or_else(|| malformed("the holes of a file"));
        pieces.push(read(offset)?, read(length)?)?;
    }
    Ok(())
}

/// `offset,length,offset,length`.
pub(crate) fn in_record(map: &[u8], size: u64, stored: u64) -> Result<Vec<Piece>, UnpackError> {
    let mut pieces = Pieces::of(size);
    let mut numbers = map.split(|&byte| byte == b',');
    while let Some(offset) = numbers.next() {
        let length = numbers.next().ok_or_else(|| malformed("the holes of a file"))?;
        pieces.push(decimal(offset)?, decimal(length)?)?;
    }
    pieces.finish(stored)
}

/// An offset and a length each.
pub(crate) fn in_records(
    offsets: &[u64],
    lengths: &[u64],
    size: u64,
    stored: u64,
) -> Result<Vec<Piece>, UnpackError> {
    if offsets.len() != lengths.len() {
        return Err(malformed("the holes of a file"));
    }
    let mut pieces = Pieces::of(size);
    offsets.iter().zip(lengths).try_for_each(|(&offset, &length)| pieces.push(offset, length))?;
    pieces.finish(stored)
}

/// Decimal lines before the data, which fill whole blocks.
pub(crate) fn in_content<R: Read>(reader: &mut Reader<R>, size: u64) -> Result<Vec<Piece>, UnpackError> {
    let mut lines = Lines { reader, block: [0; BLOCK], at: BLOCK };
    let count = lines.number()?;
    if count > MAX_PIECES as u64 + 1 {
        return Err(malformed("a file with too many holes"));
    }
    let mut pieces = Pieces::of(size);
    for _ in 0..count {
        let offset = lines.number()?;
        pieces.push(offset, lines.number()?)?;
    }
    let left = lines.reader.left;
    pieces.finish(left)
}

struct Lines<'a, R> {
    reader: &'a mut Reader<R>,
    block: [u8; BLOCK],
    at: usize,
}

impl<R: Read> Lines<'_, R> {
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
