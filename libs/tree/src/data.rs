//! The content of files: where there is any, and how it gets from one to the other.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::SeekFrom;
use rustix::io::Errno;

/// A piece of a file that holds data; what lies between pieces is holes, which read as zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Where it begins.
    pub offset: u64,
    /// How long it is; not 0.
    pub length: u64,
}

/// The piece of `file` at or behind `from`, of a file that is `size` long. `None`: a hole to the end. A file system
/// that keeps no holes has one piece.
pub fn next_piece(file: &File, from: u64, size: u64) -> io::Result<Option<Piece>> {
    if from >= size {
        return Ok(None);
    }
    let offset = match rustix::fs::seek(file, SeekFrom::Data(from)) {
        Ok(offset) => offset,
        Err(Errno::NXIO) => return Ok(None),
        Err(Errno::INVAL) => return Ok(Some(Piece { offset: from, length: size - from })),
        Err(error) => return Err(error.into()),
    };
    let end = rustix::fs::seek(file, SeekFrom::Hole(offset))?.min(size);
    Ok((offset < end).then(|| Piece { offset, length: end - offset }))
}

/// Makes `to`, which is empty, hold what `from` holds, `size` bytes with the same holes. Shares the data where the file
/// system can.
pub fn copy(from: &File, to: &File, size: u64) -> io::Result<()> {
    to.set_len(size)?;
    let mut position = 0;
    while let Some(piece) = next_piece(from, position, size)? {
        copy_piece(from, to, piece)?;
        position = piece.offset + piece.length;
    }
    Ok(())
}

fn copy_piece(from: &File, to: &File, piece: Piece) -> io::Result<()> {
    let (mut read_at, mut write_at, mut left) = (piece.offset, piece.offset, piece.length);
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(1 << 30);
        match rustix::fs::copy_file_range(from, Some(&mut read_at), to, Some(&mut write_at), most) {
            // Shorter than it was: what is missing is zeros.
            Ok(0) => return Ok(()),
            Ok(count) => left = left.saturating_sub(count as u64),
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                return copy_by_hand(from, to, Piece { offset: read_at, length: left });
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn copy_by_hand(from: &File, to: &File, piece: Piece) -> io::Result<()> {
    let mut buffer = vec![0u8; 256 << 10];
    let (mut at, end) = (piece.offset, piece.offset + piece.length);
    while at < end {
        let most = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
        let chunk = buffer.get_mut(..most).unwrap_or_default();
        let count = from.read_at(chunk, at)?;
        if count == 0 {
            return Ok(());
        }
        to.write_all_at(chunk.get(..count).unwrap_or_default(), at)?;
        at += count as u64;
    }
    Ok(())
}
