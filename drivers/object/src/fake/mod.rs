//! A store for tests of what stands above: a directory that is slow, fails, or cuts transfers when told to.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crate::dir::Dir;
use crate::{Digest, Error, Meta, ObjectKey, ObjectStore, Part};

/// [`Dir`] with accidents.
#[derive(Debug)]
pub struct Fake {
    inner: Dir,
    unreachable: AtomicBool,
    cut_reads: Arc<AtomicUsize>,
    cut_after_bytes: AtomicU64,
    failing_parts: AtomicUsize,
    sent_parts: AtomicUsize,
}

impl Fake {
    /// Objects beneath `root`.
    pub fn open(root: &Path) -> Result<Self, Error> {
        Ok(Self {
            inner: Dir::open(root)?,
            unreachable: AtomicBool::new(false),
            cut_reads: Arc::default(),
            cut_after_bytes: AtomicU64::new(0),
            failing_parts: AtomicUsize::new(0),
            sent_parts: AtomicUsize::new(0),
        })
    }

    /// From now on nothing is answered (or: all is again).
    pub fn set_unreachable(&self, unreachable: bool) {
        self.unreachable.store(unreachable, Ordering::SeqCst);
    }

    /// The next `times` reads end in an error after `bytes` bytes.
    pub fn cut_reads(&self, times: usize, bytes: u64) {
        self.cut_after_bytes.store(bytes, Ordering::SeqCst);
        self.cut_reads.store(times, Ordering::SeqCst);
    }

    /// The next `times` parts do not arrive.
    pub fn fail_parts(&self, times: usize) {
        self.failing_parts.store(times, Ordering::SeqCst);
    }

    /// How many parts were sent, arrived or not.
    pub fn sent_parts(&self) -> usize {
        self.sent_parts.load(Ordering::SeqCst)
    }

    fn check(&self) -> Result<(), Error> {
        if self.unreachable.load(Ordering::SeqCst) { Err(cut()) } else { Ok(()) }
    }
}

fn cut() -> Error {
    Error::Unreachable("a test wanted it so".into())
}

/// Takes one from a counter that has any.
fn take(counter: &AtomicUsize) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

struct Cut {
    inner: io::Take<Box<dyn Read + Send>>,
}

impl Read for Cut {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer)? {
            0 => Err(io::Error::other(cut())),
            count => Ok(count),
        }
    }
}

impl ObjectStore for Fake {
    fn head(&self, key: &ObjectKey) -> Result<Option<Meta>, Error> {
        self.check()?;
        self.inner.head(key)
    }

    fn read(&self, key: &ObjectKey, from: u64) -> Result<Box<dyn Read + Send>, Error> {
        self.check()?;
        let inner = self.inner.read(key, from)?;
        if !take(&self.cut_reads) {
            return Ok(inner);
        }
        Ok(Box::new(Cut { inner: inner.take(self.cut_after_bytes.load(Ordering::SeqCst)) }))
    }

    fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        self.check()?;
        self.inner.delete(key)
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectKey>, Error> {
        self.check()?;
        self.inner.list(prefix)
    }

    fn begin(&self, key: &ObjectKey) -> Result<Vec<Part>, Error> {
        self.check()?;
        self.inner.begin(key)
    }

    fn put_part(
        &self,
        key: &ObjectKey,
        number: usize,
        content: Vec<u8>,
        digest: Digest,
    ) -> Result<Part, Error> {
        self.check()?;
        self.sent_parts.fetch_add(1, Ordering::SeqCst);
        if take(&self.failing_parts) { Err(cut()) } else { self.inner.put_part(key, number, content, digest) }
    }

    fn complete(&self, key: &ObjectKey, parts: &[Part], meta: Meta) -> Result<(), Error> {
        self.check()?;
        self.inner.complete(key, parts, meta)
    }
}
