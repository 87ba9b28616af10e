//! Named places where a test may make a program fail or die.
//!
//! A step that matters calls [`hit`] with its name. Outside tests that costs one load of a pointer:
//! unless the environment variable `PADDOCK_FAILPOINTS` names a directory, nothing is ever looked up.
//! In a test, a file of the point's name in that directory arms it; its content is the action:
//!
//! - `kill`: the process ends itself with SIGKILL, as a crash would;
//! - `error`: the step fails with [`Injected`];
//! - `delay`: the step takes a moment longer, see [`DELAY`];
//! - `pass`: nothing happens, and a test sees that the step was passed.
//!
//! The file is renamed to `<name>.hit` before the action happens, so that each arming acts once,
//! survives the restart that it causes, and a test can see that the point was really reached.

use std::fmt;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

/// How much longer a delayed step takes: long enough to be seen from outside, as clients ask ten times a second.
pub const DELAY: Duration = Duration::from_millis(700);

/// The error of an armed point.
#[derive(Debug)]
pub struct Injected {
    /// The name of the point.
    pub point: &'static str,
}

impl fmt::Display for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failure injected at {}", self.point)
    }
}

impl std::error::Error for Injected {}

/// Passes the named point: does nothing unless a test armed it.
///
/// # Errors
/// [`Injected`] when the point is armed with `error`.
pub fn hit(point: &'static str) -> Result<(), Injected> {
    static DIRECTORY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let Some(directory) = DIRECTORY.get_or_init(|| std::env::var_os("PADDOCK_FAILPOINTS").map(PathBuf::from))
    else {
        return Ok(());
    };
    let armed = directory.join(point);
    let Ok(action) = std::fs::read_to_string(&armed) else { return Ok(()) };
    if std::fs::rename(&armed, directory.join(format!("{point}.hit"))).is_err() {
        // Another thread took this arming.
        return Ok(());
    }
    match action.trim() {
        "kill" => {
            #[expect(unsafe_code, reason = "a crash has to be a real one: no destructor, no flush")]
            // SAFETY: getpid and kill take no pointers; the process ends here.
            unsafe {
                libc::kill(libc::getpid(), libc::SIGKILL);
            }
            loop {
                std::thread::park();
            }
        }
        "delay" => {
            #[expect(clippy::disallowed_methods, reason = "to be slow is what was asked for")]
            std::thread::sleep(DELAY);
            Ok(())
        }
        "pass" => Ok(()),
        _ => Err(Injected { point }),
    }
}
