//! Ctrl-C and SIGTERM: remembered, and answered between two samples, so that everything is cleaned up the usual way.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

extern "C" fn remember(_: libc::c_int) {
    INTERRUPTED.store(true, Ordering::Relaxed);
}

/// From now on the two signals are remembered and end nothing by themselves.
#[expect(unsafe_code, reason = "no other way to hear a signal without a runtime")]
pub(crate) fn listen() -> Result<()> {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: an all-zero sigaction is valid; the handler only stores to an atomic, which is async-signal-safe.
        let result = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = remember as extern "C" fn(libc::c_int) as libc::sighandler_t;
            action.sa_flags = libc::SA_RESTART;
            libc::sigaction(signal, &raw const action, std::ptr::null_mut())
        };
        if result != 0 {
            bail!("could not listen to signals: {}", std::io::Error::last_os_error());
        }
    }
    Ok(())
}

/// An error once a signal came.
pub(crate) fn check() -> Result<()> {
    if INTERRUPTED.load(Ordering::Relaxed) { bail!("interrupted") } else { Ok(()) }
}

/// A pause in which the machine comes to rest: what the last sample left to do in the background must not fall on
/// the next one.
pub(crate) fn settle(pause: Duration) -> Result<()> {
    let end = std::time::Instant::now() + pause;
    while std::time::Instant::now() < end {
        check()?;
        std::thread::park_timeout(end.saturating_duration_since(std::time::Instant::now()));
    }
    check()
}
