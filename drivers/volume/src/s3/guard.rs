//! Work that may hang, and somebody who ends what it hangs on.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// Does `work`; when it has not ended within `limit`, does `rescue` beside it, which must make it end.
pub(super) fn within<T>(limit: Duration, rescue: impl FnOnce() + Send, work: impl FnOnce() -> T) -> T {
    std::thread::scope(|scope| {
        let (done, watch) = channel::<()>();
        scope.spawn(move || {
            // The other end goes when the work has ended.
            if watch.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                rescue();
            }
        });
        let result = work();
        drop(done);
        result
    })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn what_hangs_is_rescued_and_what_does_not_is_left_alone() {
        let (free, held) = channel();
        let started = Instant::now();
        within(Duration::from_millis(20), move || free.send(()).unwrap(), || held.recv().unwrap());
        assert!(started.elapsed() >= Duration::from_millis(20));
        let answer = within(Duration::from_secs(600), || panic!("nothing hangs"), || 7);
        assert_eq!(answer, 7);
        assert!(started.elapsed() < Duration::from_secs(60));
    }
}
