//! What can go wrong with the store.

use std::error::Error as StdError;

/// Why an operation of the store failed. Nothing of it was done, except after
/// [`StoreError::Unavailable`], where it may have been.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The engine cannot be reached, is shutting down, has no space, or lost the connection half
    /// way. Worth another try.
    #[error("the store is not available")]
    Unavailable {
        /// What the engine said.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// Another transaction was in the way. Worth another try.
    #[error("the store was asked for two changes that exclude each other")]
    Contended {
        /// What the engine said.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The engine refused a statement: a bug of ours.
    #[error("the store refused a statement")]
    Refused {
        /// What the engine said.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A stored value is not what its column holds: the database was changed by something else.
    #[error("the store holds an unreadable {column}")]
    Corrupt {
        /// What could not be read.
        column: &'static str,
    },
    /// The database was made by a newer version, or its migrations were edited.
    #[error("the database does not match this version: {detail}")]
    Schema {
        /// What does not match.
        detail: String,
    },
}

impl StoreError {
    pub(crate) fn unavailable(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Unavailable { source: source.into() }
    }

    pub(crate) fn refused(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Refused { source: source.into() }
    }

    /// Whether the same operation may succeed when tried again.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Contended { .. })
    }
}
