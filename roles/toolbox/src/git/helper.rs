//! The program that does the operations.

use std::ffi::CStr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, open};

/// The argument with which this program does one operation and exits.
pub const GIT_HELPER: &str = "git-helper";

/// An open program that takes [`GIT_HELPER`] as its only argument.
///
/// Held open, because a path can be made to lead elsewhere and an image need not have `/proc`.
#[derive(Debug, Clone)]
pub struct Helper(pub(super) Arc<OwnedFd>);

impl Helper {
    /// The program, to be run.
    pub(crate) fn program(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.0)
    }

    /// The program that this process runs; `None` if it cannot be found any more.
    pub fn of_this_program() -> Option<Self> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        // Without /proc it is looked for where the kernel has found it.
        let candidates: [&CStr; 2] = [c"/proc/self/exe", rustix::param::linux_execfn()];
        candidates.into_iter().find_map(|path| open(path, flags, Mode::empty()).ok()).map(Arc::new).map(Self)
    }
}
