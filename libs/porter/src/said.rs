//! What the runner and its porters say to each other: an errand at the start, lines about it until its end.

use std::path::PathBuf;
use std::sync::Arc;

use paddock_driver_object::dir::Dir;
use paddock_driver_object::s3::{S3, S3Config};
use paddock_driver_object::{Digest, Error, Meta, ObjectKey, ObjectStore};
use serde::{Deserialize, Serialize};

/// Where objects are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StoreConfig {
    /// Beneath a directory that belongs to the carrier's user.
    Directory(PathBuf),
    /// In a bucket.
    S3(S3Config),
}

impl StoreConfig {
    /// Opens it, as whoever calls this.
    ///
    /// # Errors
    /// When the directory cannot be used, or the settings of the bucket.
    pub fn open(&self) -> Result<Arc<dyn ObjectStore>, Error> {
        Ok(match self {
            Self::Directory(root) => Arc::new(Dir::open(root)?),
            Self::S3(config) => Arc::new(S3::open(config)?),
        })
    }
}

/// What a carrier is to do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Errand {
    pub(crate) store: StoreConfig,
    pub(crate) user: (u32, u32),
    pub(crate) what: What,
    pub(crate) key: ObjectKey,
}

/// The verb of an errand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum What {
    /// A stream from the packer becomes an object.
    Send,
    /// An object with this sum becomes a stream for the unpacker.
    Fetch(Digest),
    /// Tell what is known of it.
    Look,
    /// Remove it.
    Delete,
}

/// One line from a porter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Said {
    /// So many bytes of the object are there (or here).
    Progress(u64),
    /// The packer is done: what its stream was.
    Packed(Meta),
    /// The unpacker is done.
    Unpacked,
    /// The carrier has sent an object.
    Sent(Meta),
    /// The carrier has fetched an object.
    Fetched { stream_bytes: u64 },
    /// What is known of it.
    Found(Option<Meta>),
    /// It is removed.
    Deleted,
    /// It went wrong.
    Failed(Failure),
}

/// Why it went wrong, as far as the runner has to tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) why: Why,
    /// The chain of causes, for the log and for people.
    pub(crate) detail: String,
}

/// Kinds of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Why {
    /// The other half ended. What it says counts.
    OtherHalf,
    /// The stream ended early: the other half may know why, else the stream is no whole one.
    Cut,
    Unreachable,
    Denied,
    StoreFull,
    NotFound,
    Damaged,
    DiskFull,
    /// The stream is not one that can be unpacked.
    Refused,
    /// The stream holds more than it may.
    TooLarge,
    /// The files cannot be told in the form that was asked for.
    Unfit,
    Other,
}

impl Why {
    /// Whether another half's failure explains this one.
    pub(crate) fn is_echo(self) -> bool {
        matches!(self, Self::OtherHalf | Self::Cut)
    }
}

impl Failure {
    pub(crate) fn new(why: Why, error: &dyn std::error::Error) -> Self {
        let mut detail = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            detail = format!("{detail}: {error}");
            cause = error.source();
        }
        // One line, however long the names in it are.
        detail.truncate(detail.floor_char_boundary(4096));
        Self { why, detail }
    }

    pub(crate) fn of_store(error: &Error) -> Self {
        let why = match error {
            Error::NotFound { .. } => Why::NotFound,
            Error::Unreachable(_) | Error::Lost { .. } => Why::Unreachable,
            Error::Denied(_) | Error::Settings(_) => Why::Denied,
            Error::Full(_) => Why::StoreFull,
            Error::Damaged { .. } => Why::Damaged,
            Error::Input(_) => Why::OtherHalf,
            Error::TooLarge { .. } => Why::Unfit,
            Error::Injected(_) => Why::Other,
        };
        Self::new(why, error)
    }
}
