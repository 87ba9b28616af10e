//! From an object to a stream that is checked, and that goes on by itself where a cut left off.

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

use crate::{Digest, Error, Meta, ObjectKey, ObjectStore};

/// How often in a row reading is begun again without a byte in between.
const TRIES: u32 = 4;

/// The content of one object. The last read, which would give 0 bytes, fails instead when the content was not what its
/// sum says: whoever reads to the end has the right bytes. Errors are [`Error`]s within [`io::Error`]s.
pub struct Download<'s> {
    store: &'s dyn ObjectStore,
    key: ObjectKey,
    meta: Meta,
    input: Option<Box<dyn Read + Send>>,
    position: u64,
    hasher: Sha256,
    failures: u32,
}

impl<'s> Download<'s> {
    /// Begins. `expected` is what the object's sum must be, as whoever put it remembers; the store's own word alone does
    /// not tell one object from another.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Damaged`] when the store has something else.
    pub fn begin(
        store: &'s dyn ObjectStore,
        key: &ObjectKey,
        expected: Option<Digest>,
    ) -> Result<Self, Error> {
        let meta = store.head(key)?.ok_or_else(|| Error::NotFound { key: key.clone() })?;
        if expected.is_some_and(|expected| expected != meta.digest) {
            return Err(Error::Damaged { key: key.clone() });
        }
        let (key, hasher) = (key.clone(), Sha256::new());
        Ok(Self { store, key, meta, input: None, position: 0, hasher, failures: 0 })
    }

    /// What is known of the object.
    pub fn meta(&self) -> Meta {
        self.meta
    }

    fn next(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let input = match &mut self.input {
            Some(input) => input,
            None => self.input.insert(self.store.read(&self.key, self.position).map_err(io::Error::other)?),
        };
        input.read(buffer)
    }
}

impl Read for Download<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.meta.size_bytes - self.position;
        if left == 0 {
            let found = Digest::finish(self.hasher.clone());
            let damaged = || io::Error::other(Error::Damaged { key: self.key.clone() });
            return if found == self.meta.digest { Ok(0) } else { Err(damaged()) };
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = buffer.get_mut(..most).unwrap_or_default();
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let cause = match self.next(buffer) {
                // The store said that there is more.
                Ok(0) => io::ErrorKind::UnexpectedEof.into(),
                Ok(count) => {
                    self.hasher.update(buffer.get(..count).unwrap_or_default());
                    self.position += count as u64;
                    self.failures = 0;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            self.input = None;
            self.failures += 1;
            let is_hopeless = cause
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<Error>())
                .is_some_and(|error| !error.is_retryable());
            if is_hopeless || self.failures == TRIES {
                return Err(cause);
            }
            tracing::warn!(key = %self.key, position = self.position, error = %cause, "going on with a download");
        }
    }
}
