//! From a stream to an object, in parts.
//!
//! An upload that was cut, or whose process was killed, is gone on with by putting *the same bytes* again: parts that the
//! store has already are compared by their sums and not sent. So nothing needs to be kept on this side but the means to
//! make the bytes again; a copy of a volume that holds still is that.

use std::io::Read;

use sha2::{Digest as _, Sha256};

use crate::{Digest, Error, Meta, ObjectKey, ObjectStore, PART_BYTES, Part};

/// The most parts of one object.
const MAX_PARTS: usize = 10_000;
/// How often a part is sent before the upload is given up.
const TRIES: u32 = 3;

/// The fail points of [`put`], in order.
pub const PUT_STEPS: [&str; 4] = [
    "object.put.after_begin",
    "object.put.after_part",
    "object.put.before_complete",
    "object.put.after_complete",
];

/// Puts all of `content` as `key`. `sent` is told how many bytes are in the store, after each part. Memory: one part.
///
/// # Errors
/// What the store has by then stays, for the next try.
pub fn put(
    store: &dyn ObjectStore,
    key: &ObjectKey,
    mut content: impl Read,
    mut sent: impl FnMut(u64),
) -> Result<Meta, Error> {
    let there = store.begin(key)?;
    paddock_failpoint::hit("object.put.after_begin")?;
    let mut there = there.into_iter();
    let mut parts = Vec::new();
    let mut whole = Sha256::new();
    let mut size_bytes = 0u64;
    loop {
        let part = read_part(&mut content).map_err(Error::Input)?;
        let is_last = part.len() < PART_BYTES;
        // An empty object has one empty part; any other has none.
        if part.is_empty() && !parts.is_empty() {
            break;
        }
        if parts.len() == MAX_PARTS {
            return Err(Error::TooLarge { key: key.clone() });
        }
        whole.update(&part);
        size_bytes += part.len() as u64;
        let digest = Digest::of(&part);
        match there.next().filter(|known| known.digest == digest && known.size_bytes == part.len() as u64) {
            Some(known) => parts.push(known),
            None => {
                // From here on it is another content.
                there = Vec::new().into_iter();
                parts.push(send(store, key, parts.len(), part, digest)?);
            }
        }
        paddock_failpoint::hit("object.put.after_part")?;
        sent(size_bytes);
        if is_last {
            break;
        }
    }
    paddock_failpoint::hit("object.put.before_complete")?;
    let meta = Meta { size_bytes, digest: Digest::finish(whole) };
    store.complete(key, &parts, meta)?;
    paddock_failpoint::hit("object.put.after_complete")?;
    Ok(meta)
}

fn send(
    store: &dyn ObjectStore,
    key: &ObjectKey,
    number: usize,
    part: Vec<u8>,
    digest: Digest,
) -> Result<Part, Error> {
    for _ in 1..TRIES {
        match store.put_part(key, number, part.clone(), digest) {
            Err(error @ Error::Unreachable(_)) => {
                tracing::warn!(%key, number, error = %error, "sending a part again");
            }
            other => return other,
        }
    }
    store.put_part(key, number, part, digest)
}

/// A part's worth of `content`; less only at its end.
fn read_part(content: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut part = Vec::new();
    content.take(PART_BYTES as u64).read_to_end(&mut part)?;
    Ok(part)
}
