//! An object as the tar stream that it holds: ours are compressed by zstd, layers of other people's images also by gzip or
//! not at all. What an object is, its first bytes say, whatever a manifest said of it.

use std::io::{self, BufRead, Chain, Cursor, Read};

use flate2::bufread::GzDecoder;

/// The first bytes of a zstd frame, of one that holds nothing but somebody's notes (the first of its bytes varies in its
/// low half), and of a gzip member.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const ZSTD_NOTE: [u8; 3] = [0x2a, 0x4d, 0x18];
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What was looked at, and the rest.
type Input<R> = Chain<Cursor<Vec<u8>>, R>;

/// The stream within an object.
pub(super) enum Decompressed<R: BufRead> {
    /// Any number of frames, with their checksums.
    Zstd(Box<zstd::stream::read::Decoder<'static, Input<R>>>),
    /// Any number of members, with their checksums.
    Gzip(Members<Input<R>>),
    /// The object is the stream.
    Plain(Input<R>),
}

impl<R: BufRead> Decompressed<R> {
    pub(super) fn new(mut input: R) -> io::Result<Self> {
        let mut first = Vec::with_capacity(ZSTD.len());
        (&mut input).take(ZSTD.len() as u64).read_to_end(&mut first)?;
        let is_note =
            first.get(1..) == Some(&ZSTD_NOTE[..]) && first.first().is_some_and(|byte| byte & 0xf0 == 0x50);
        let (is_zstd, is_gzip) = (first == ZSTD || is_note, first.starts_with(&GZIP));
        let input = Cursor::new(first).chain(input);
        Ok(if is_zstd {
            Self::Zstd(Box::new(zstd::stream::read::Decoder::with_buffer(input)?))
        } else if is_gzip {
            Self::Gzip(Members::At(Box::new(GzDecoder::new(input))))
        } else {
            Self::Plain(input)
        })
    }

    /// What of the object was not looked at. `None`: it cannot be told any more where that is.
    pub(super) fn finish(self) -> Option<Input<R>> {
        match self {
            Self::Zstd(decoder) => Some(decoder.finish()),
            Self::Gzip(members) => members.finish(),
            Self::Plain(input) => Some(input),
        }
    }
}

impl<R: BufRead> Read for Decompressed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Zstd(decoder) => decoder.read(buffer),
            Self::Gzip(members) => members.read(buffer),
            Self::Plain(input) => input.read(buffer),
        }
    }
}

/// The members of a gzip file as one stream. Behind the last one there may be zeros, as on a tape, and nothing else.
pub(super) enum Members<R: BufRead> {
    /// In one.
    At(Box<GzDecoder<R>>),
    /// Behind the last.
    End(R),
    /// Broken off.
    Lost,
}

impl<R: BufRead> Members<R> {
    fn finish(self) -> Option<R> {
        match self {
            Self::At(decoder) => Some(decoder.into_inner()),
            Self::End(input) => Some(input),
            Self::Lost => None,
        }
    }

    /// From the end of a member to the next, or to the end.
    fn step(&mut self) -> io::Result<()> {
        let Self::At(decoder) = std::mem::replace(self, Self::Lost) else { return Ok(()) };
        let mut input = decoder.into_inner();
        let next = input.fill_buf().map(|there| there.first().copied());
        if matches!(next, Ok(Some(byte)) if byte == GZIP[0]) {
            *self = Self::At(Box::new(GzDecoder::new(input)));
            return Ok(());
        }
        let checked = next.and_then(|_| skip_zeros(&mut input));
        *self = Self::End(input);
        checked
    }
}

/// To the end of what is zeros alone.
fn skip_zeros(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let there = input.fill_buf()?;
        let count = there.len();
        if there.iter().any(|&byte| byte != 0) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "something lies behind the stream's end"));
        }
        input.consume(count);
        if count == 0 {
            return Ok(());
        }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Self::At(decoder) = self {
            match decoder.read(buffer)? {
                0 => self.step()?,
                count => return Ok(count),
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Write};

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(content: &[u8]) -> Vec<u8> {
        zstd::encode_all(content, 1).unwrap()
    }

    /// What comes out, read in small pieces from small buffers.
    fn read(object: &[u8]) -> io::Result<Vec<u8>> {
        let mut decoder = Decompressed::new(BufReader::with_capacity(3, object))?;
        let mut found = Vec::new();
        let mut buffer = [0; 7];
        loop {
            match decoder.read(&mut buffer)? {
                0 => break,
                count => found.extend_from_slice(&buffer[..count]),
            }
        }
        let mut rest = Vec::new();
        decoder.finish().unwrap().read_to_end(&mut rest)?;
        assert!(rest.is_empty(), "all of the object is looked at");
        Ok(found)
    }

    #[test]
    fn the_first_bytes_say_how_an_object_is_compressed() {
        let content = b"content ".repeat(100);
        let twice = content.repeat(2);
        let mut note = vec![0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0];
        note.extend_from_slice(b"abc");
        for (object, expected) in [
            (content.clone(), &content),
            (gzip(&content), &content),
            (zstd(&content), &content),
            ([gzip(&content), gzip(&content)].concat(), &twice),
            ([gzip(b""), gzip(&content)].concat(), &content),
            ([zstd(&content), zstd(&content)].concat(), &twice),
            ([note.clone(), zstd(&content), note].concat(), &content),
            ([gzip(&content), vec![0; 1000]].concat(), &content),
        ] {
            assert!(read(&object).unwrap() == *expected);
        }
        for short in [&b""[..], b"a", b"abc"] {
            assert_eq!(read(short).unwrap(), short);
        }
    }

    #[test]
    fn what_lies_behind_or_is_broken_is_an_error() {
        let content = b"content ".repeat(100);
        let cut = |object: Vec<u8>| object[..object.len() - 5].to_vec();
        let changed = |mut object: Vec<u8>, at: usize| {
            let at = object.len() - at;
            object[at] ^= 1;
            object
        };
        for object in [
            [gzip(&content), b"more".to_vec()].concat(),
            [gzip(&content), vec![0; 100], b"more".to_vec()].concat(),
            [gzip(&content), vec![0; 10], gzip(&content)].concat(),
            [gzip(&content), b"\x1fmore".to_vec()].concat(),
            [zstd(&content), b"more".to_vec()].concat(),
            cut(gzip(&content)),
            cut(zstd(&content)),
            // The sum, and the size, of the member.
            changed(gzip(&content), 7),
            changed(gzip(&content), 2),
        ] {
            assert!(read(&object).is_err());
        }
    }
}
