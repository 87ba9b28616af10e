//! The two clocks: one to show, one to measure with.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use paddock_types::Timestamp;

/// Now, by the wall clock. It may jump; nothing is measured with it.
pub(crate) fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}

/// The wall clock minus the time since the host's start, in milliseconds. Changes only when the wall clock is set,
/// or drifts.
pub(crate) fn offset_millis() -> i64 {
    let boottime = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    now().0 - (boottime.tv_sec * 1000 + boottime.tv_nsec / 1_000_000)
}

/// Which start of the host this is; `None` where the kernel does not say.
pub(crate) fn boot() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
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
