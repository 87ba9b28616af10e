//! Large objects by name: archives and backups, and later the layers of images.
//!
//! An object is bytes with a length and a SHA-256, both known from the moment it is there. It is there whole or not at
//! all. This crate knows nothing of what an object holds, nor who may have it.
//!
//! [`ObjectStore`] is what a store does; [`upload::put`] and [`download::Download`] are how objects get there and back,
//! the same for every store: in parts, going on where a cut or a restart left off, and checked.
//!
//! Every call blocks, and none may be made from within an event loop.
//!
//! Implementations: [`dir`] (files beneath a directory), [`s3`] (S3 and what speaks like it), [`fake`] (a directory that
//! fails when told to).

pub mod dir;
pub mod download;
pub mod fake;
mod key;
pub mod s3;
pub mod upload;

use std::io::Read;

pub use key::{Digest, InvalidDigest, InvalidKey, ObjectKey};
use serde::{Deserialize, Serialize};

/// The size of every part of an upload but the last, in bytes. At most 10,000 of them make an object (S3's limit), and
/// no fewer than 5 MiB may be one (S3's too); a reader holds one in memory.
pub const PART_BYTES: usize = 16 << 20;

/// What is known of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Its length.
    pub size_bytes: u64,
    /// Of its content.
    pub digest: Digest,
}

/// A part of an upload that the store has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its length.
    pub size_bytes: u64,
    /// Of its content.
    pub digest: Digest,
    /// What the store calls it.
    pub tag: String,
}

/// Why an object could not be had or kept. The messages are fit for users.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such object.
    #[error("the object store has no {key}")]
    NotFound {
        /// Which.
        key: ObjectKey,
    },
    /// The store does not answer, or answers that it cannot now. Trying again later may help.
    #[error("the object store cannot be reached")]
    Unreachable(#[source] Cause),
    /// The store does not let us.
    #[error("the object store denies access: check its key and bucket")]
    Denied(#[source] Cause),
    /// The store has no room.
    #[error("the object store is full")]
    Full(#[source] Cause),
    /// What came is not what was put.
    #[error("{key} is damaged: its checksum does not match")]
    Damaged {
        /// Which.
        key: ObjectKey,
    },
    /// What the store kept of an unfinished upload is gone. The next try begins anew.
    #[error("the object store has lost an unfinished upload of {key}")]
    Lost {
        /// Which.
        key: ObjectKey,
    },
    /// What was to be put could not be read.
    #[error("could not read what was to be kept")]
    Input(#[source] std::io::Error),
    /// More parts than an object may have.
    #[error("{key} is too large for the object store")]
    TooLarge {
        /// Which.
        key: ObjectKey,
    },
    /// The settings cannot be used.
    #[error("the settings of the object store cannot be used")]
    Settings(#[source] Cause),
    /// A test wanted it so.
    #[error(transparent)]
    Injected(#[from] paddock_failpoint::Injected),
}

/// What is behind an error, for logs.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

impl Error {
    /// Whether trying again, unchanged, may help.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Lost { .. })
    }
}

/// A store of objects.
pub trait ObjectStore: Send + Sync + std::fmt::Debug {
    /// What is known of the object. `None`: it is not there, or not whole.
    fn head(&self, key: &ObjectKey) -> Result<Option<Meta>, Error>;

    /// The content from byte `from` on, unchecked (see [`download::Download`]). May end in an error half way.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    fn read(&self, key: &ObjectKey, from: u64) -> Result<Box<dyn Read + Send>, Error>;

    /// Removes the object, and an unfinished upload of it. One that is not there is no error.
    fn delete(&self, key: &ObjectKey) -> Result<(), Error>;

    /// The keys of whole objects that begin with `prefix`, in their order.
    fn list(&self, prefix: &str) -> Result<Vec<ObjectKey>, Error>;

    /// Begins an upload, or goes on with an unfinished one: the parts that it has, in order.
    fn begin(&self, key: &ObjectKey) -> Result<Vec<Part>, Error>;

    /// Adds part number `number`, counted from 0: the next one, or one that is there and is replaced with all behind it.
    /// It outlives this process. `digest` is of `content`.
    fn put_part(
        &self,
        key: &ObjectKey,
        number: usize,
        content: Vec<u8>,
        digest: Digest,
    ) -> Result<Part, Error>;

    /// Makes the object of its parts, replacing one of the same key. Durable when this returns. May be repeated.
    fn complete(&self, key: &ObjectKey, parts: &[Part], meta: Meta) -> Result<(), Error>;
}
