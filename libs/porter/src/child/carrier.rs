//! The half that speaks to the store: between a tar stream and an object. No privilege, no tree.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::rc::Rc;

use paddock_driver_object::download::Download;
use paddock_driver_object::upload::put;
use paddock_driver_object::{Digest, Error, ObjectKey, ObjectStore};

use super::decompress::Decompressed;
use super::{Done, confine, say};
use crate::said::{Errand, Failure, Said, What, Why};

/// Fast, and within a tenth of what higher levels save (`cargo xtask bench`).
const LEVEL: i32 = 3;
/// How much is handed on at once.
const PIECE: usize = 256 << 10;

pub(super) fn carry(errand: File, says: &File) -> Done {
    let mut hears = BufReader::new(errand);
    let other = |error: &dyn std::error::Error| Failure::new(Why::Other, error);
    let mut line = Vec::new();
    hears.read_until(b'\n', &mut line).map_err(|error| other(&error))?;
    let errand: Errand = serde_json::from_slice(&line).map_err(|error| other(&error))?;
    confine::to_user(errand.user).map_err(|error| other(&error))?;
    let store = errand.store.open().map_err(|error| Failure::of_store(&error))?;
    let done = match errand.what {
        What::Send => send(&*store, &errand.key, hears, says),
        What::Fetch(expected) => return fetch(&*store, &errand.key, expected, says),
        What::Look => store.head(&errand.key).map(Said::Found),
        What::Delete => store.delete(&errand.key).map(|()| Said::Deleted),
    };
    done.map_err(|error| Failure::of_store(&error))
}

/// What passes by is counted.
struct Counted<R> {
    input: R,
    bytes: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.bytes.set(self.bytes.get() + count as u64);
        Ok(count)
    }
}

/// A stream whose end counts only when the packer said that it is one. A packer that was killed closes its pipe too.
struct Ended<R, W> {
    input: R,
    word: W,
    is_ended: bool,
}

impl<R: Read, W: Read> Read for Ended<R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        if count == 0 && !buffer.is_empty() && !self.is_ended {
            self.word.read_exact(&mut [0])?;
            self.is_ended = true;
        }
        Ok(count)
    }
}

fn send(store: &dyn ObjectStore, key: &ObjectKey, word: impl Read, says: &File) -> Result<Said, Error> {
    let ended = Ended { input: io::stdin().lock(), word, is_ended: false };
    let mut encoder = zstd::stream::read::Encoder::new(BufReader::with_capacity(PIECE, ended), LEVEL)
        .map_err(Error::Input)?;
    encoder.include_checksum(true).map_err(Error::Input)?;
    let meta = put(store, key, &mut encoder, |sent| {
        // A runner that does not listen any more has killed us by now.
        let _ = say(says, &Said::Progress(sent));
    })?;
    Ok(Said::Sent(meta))
}

fn fetch(store: &dyn ObjectStore, key: &ObjectKey, expected: Digest, says: &File) -> Done {
    let download = Download::begin(store, key, Some(expected)).map_err(|error| Failure::of_store(&error))?;
    let total = download.meta().size_bytes;
    let bytes = Rc::new(Cell::new(0));
    let counted = BufReader::with_capacity(PIECE, Counted { input: download, bytes: Rc::clone(&bytes) });
    let mut decoder = Decompressed::new(counted).map_err(|error| unreadable(&error))?;
    let mut output = io::stdout().lock();
    let mut buffer = vec![0; PIECE];
    let (mut stream_bytes, mut told) = (0, 0);
    loop {
        let count = match decoder.read(&mut buffer) {
            Ok(count) => count,
            Err(error) => {
                // What cannot be decompressed is first of all suspected of being damaged: its sum says.
                let rest = decoder.finish();
                let whole = rest.map(|mut rest| io::copy(&mut rest, &mut io::sink()));
                return Err(unreadable(&whole.and_then(Result::err).unwrap_or(error)));
            }
        };
        if count == 0 {
            break;
        }
        if let Err(error) = output.write_all(buffer.get(..count).unwrap_or_default()) {
            // An unpacker that refuses the stream may do so because the object is damaged: its sum says.
            let rest = decoder.finish();
            return Err(match rest.map(|mut rest| io::copy(&mut rest, &mut io::sink())) {
                Some(Err(damage)) => unreadable(&damage),
                _ => Failure::new(Why::OtherHalf, &error),
            });
        }
        stream_bytes += count as u64;
        let fetched = bytes.get();
        if fetched - told >= paddock_driver_object::PART_BYTES as u64 {
            told = fetched;
            let _ = say(says, &Said::Progress(fetched));
        }
    }
    // The end of the last frame need not be the object's: only its own end says that its sum is right.
    let rest = decoder.finish().map(|mut rest| io::copy(&mut rest, &mut io::sink())).transpose();
    if rest.map_err(|error| unreadable(&error))? != Some(0) {
        return Err(Failure::new(Why::Refused, &io::Error::other("something lies behind the stream's end")));
    }
    let _ = say(says, &Said::Progress(total));
    Ok(Said::Fetched { stream_bytes })
}

/// The object could not be read, or is not compressed as ours are.
fn unreadable(error: &io::Error) -> Failure {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(store) => Failure::of_store(store),
        None => Failure::new(Why::Refused, error),
    }
}
