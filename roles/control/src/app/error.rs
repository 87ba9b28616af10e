//! Why an operation was refused or failed. Knows nothing of HTTP.

use std::error::Error as StdError;

use paddock_failpoint::Injected;
use paddock_store::StoreError;
use paddock_wire_control::Invalid;

/// Why an operation was refused or failed. The text of a variant is for the user; causes are for the
/// log and have no way into an answer.
#[derive(Debug, Clone)]
pub(crate) enum Error {
    /// Not there for this caller.
    NotFound(String),
    /// Not now: something else is in the way.
    Conflict(String),
    /// The request makes no sense, or not in this state.
    Invalid(String),
    /// The request makes sense, and this version cannot do it.
    Unsupported(String),
    /// The caller is known and may not.
    Forbidden(String),
    /// The caller is not known.
    Unauthenticated,
    /// The body is too long.
    TooLarge,
    /// The body did not come.
    Slow,
    /// There is no room for one more of something. Worth another try.
    Full(String),
    /// Something that control needs is away for now. Worth another try.
    Unavailable(Cause),
    /// A bug.
    Internal(Cause),
}

/// What lies behind an error, for the log.
pub(crate) type Cause = std::sync::Arc<dyn StdError + Send + Sync>;

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let is_retryable = error.is_retryable();
        let cause: Cause = std::sync::Arc::new(error);
        if is_retryable { Self::Unavailable(cause) } else { Self::Internal(cause) }
    }
}

impl From<Injected> for Error {
    fn from(error: Injected) -> Self {
        Self::Internal(std::sync::Arc::new(error))
    }
}

impl From<Invalid> for Error {
    fn from(error: Invalid) -> Self {
        Self::Invalid(error.to_string())
    }
}

/// The causes of an error, outermost first, for one line of the log.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
