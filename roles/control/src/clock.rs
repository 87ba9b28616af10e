//! The two clocks: one to show, one to measure with.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use paddock_types::Timestamp;

/// Now, by the wall clock. It may jump; nothing is measured with it.
pub(crate) fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}

/// A clock that does not jump, counted from its making.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since its making.
    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
