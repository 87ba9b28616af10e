//! `ADD` of archives: what they hold, as a part of another stream.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Component, Path, PathBuf};

use tar::{Archive, Builder, EntryType};

/// How far into a file a tar stream says that it is one.
const MARK_AT: usize = 257;

/// Whether a file is a tar stream, compressed or not. By its content, as Docker does it; names say nothing.
pub(super) fn is_archive(file: &mut impl Read) -> io::Result<bool> {
    // The head of a stream within a compression is in its first piece.
    let mut reader = BufReader::with_capacity(64 << 10, file);
    let Ok(mut decoded) = decode(&mut reader) else { return Ok(false) };
    let mut head = [0; 512];
    let mut length = 0;
    while length < head.len() {
        match decoded.read(&mut head[length..]) {
            Ok(0) | Err(_) => break,
            Ok(count) => length += count,
        }
    }
    let is_marked = head[..length].get(MARK_AT..).is_some_and(|rest| rest.starts_with(b"ustar"));
    Ok(is_marked
        || length == head.len()
            && tar::Header::from_byte_slice(&head).cksum().is_ok_and(|sum| is_sum(&head, sum)))
}

/// Whether a head without a mark, as old writers make them, sums up.
fn is_sum(head: &[u8; 512], said: u32) -> bool {
    let sum: u32 = head
        .iter()
        .enumerate()
        .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) })
        .sum();
    sum == said && said > 0 && head[0] != 0
}

/// The stream within, whatever it is compressed with.
fn decode<'r>(reader: &'r mut impl BufRead) -> io::Result<Box<dyn Read + 'r>> {
    let head = reader.fill_buf()?;
    Ok(match head {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(reader)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::stream::read::Decoder::with_buffer(reader)?),
        [b'B', b'Z', b'h', ..] => Box::new(bzip2::bufread::MultiBzDecoder::new(reader)),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => Box::new(lzma_rust2::XzReader::new(reader, true)),
        _ => Box::new(reader),
    })
}

/// Passes what an archive holds on into `stream`, beneath `name`.
pub(super) fn pass_on(file: impl Read, name: &Path, stream: &mut Builder<impl Write>) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(64 << 10, file);
    let mut archive = Archive::new(decode(&mut reader)?);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let inside = clean(&entry.path()?);
        let kind = entry.header().entry_type();
        let mut header = entry.header().clone();
        let path = name.join(&inside);
        match kind {
            EntryType::Symlink => {
                let target = entry.link_name()?.unwrap_or_default().into_owned();
                stream.append_link(&mut header, path, target)?;
            }
            EntryType::Link => {
                let target = name.join(clean(&entry.link_name()?.unwrap_or_default()));
                stream.append_link(&mut header, path, target)?;
            }
            EntryType::Directory | EntryType::Fifo => {
                header.set_size(0);
                stream.append_data(&mut header, path, io::empty())?;
            }
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                header.set_size(entry.size());
                header.set_entry_type(EntryType::Regular);
                stream.append_data(&mut header, path, &mut entry)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn clean(path: &Path) -> PathBuf {
    path.components().filter(|part| matches!(part, Component::Normal(_))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar() -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(2);
        header.set_mode(0o600);
        builder.append_data(&mut header, "d/f", &b"hi"[..]).unwrap();
        builder.into_inner().unwrap()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn archives_are_known_by_their_content() {
        let plain = tar();
        let zstd = zstd::stream::encode_all(plain.as_slice(), 1).unwrap();
        for (bytes, wanted) in [
            (plain.clone(), true),
            (gzip(&plain), true),
            (zstd, true),
            (gzip(b"just text"), false),
            (b"just text".to_vec(), false),
            (Vec::new(), false),
            (vec![0; 2048], false),
        ] {
            assert_eq!(is_archive(&mut bytes.as_slice()).unwrap(), wanted);
        }
    }

    #[test]
    fn what_an_archive_holds_becomes_part_of_another() {
        let mut stream = Builder::new(Vec::new());
        pass_on(gzip(&tar()).as_slice(), Path::new("3"), &mut stream).unwrap();
        let bytes = stream.into_inner().unwrap();
        let mut archive = Archive::new(bytes.as_slice());
        let entry = archive.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(entry.path().unwrap(), Path::new("3/d/f"));
        assert_eq!(entry.header().mode().unwrap(), 0o600);
    }
}
