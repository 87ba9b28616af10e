//! Ending a sandbox: a request, a grace period, then force.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use paddock_sys::process;
use paddock_wire_runner::{Desired, Wish};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;

/// The toolbox gives processes 5 s (`spec/toolbox.md` 1.8); then it is ended itself.
const GRACE: Duration = Duration::from_secs(7);
/// How long the kernel may take to end what was killed.
const KILL_LIMIT: Duration = Duration::from_secs(20);

/// A running first process that can be waited for.
pub(super) struct Watched(AsyncFd<OwnedFd>);

impl Watched {
    pub(super) fn new(pidfd: OwnedFd) -> io::Result<Self> {
        #[expect(unsafe_code, reason = "the registration needs a promise about the descriptor")]
        // SAFETY: an OwnedFd is one open file description until it is dropped, and it is dropped with the AsyncFd.
        let registered = unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE) };
        registered.map(Self).map_err(Into::into)
    }

    /// Returns when the process has ended.
    pub(super) async fn ended(&self) {
        // A pidfd stays readable once the process has ended.
        if let Err(error) = self.0.readable().await {
            tracing::error!(%error, "a process cannot be watched");
            std::future::pending::<()>().await;
        }
    }

    /// Asks it to end; makes it end after the grace period, or as soon as a wish wants that.
    pub(super) async fn end(&self, wishes: &mut watch::Receiver<Wish>) -> io::Result<()> {
        process::signal(self.0.get_ref(), libc::SIGTERM)?;
        let urgent = wishes
            .wait_for(|wish| matches!(wish.desired, Desired::Killed | Desired::Evicted | Desired::Absent));
        tokio::select! {
            () = self.ended() => return Ok(()),
            () = tokio::time::sleep(GRACE) => {}
            _ = urgent => {}
        }
        self.kill().await
    }

    /// Makes it end. All other processes of its pid namespace end with it.
    pub(super) async fn kill(&self) -> io::Result<()> {
        process::signal(self.0.get_ref(), libc::SIGKILL)?;
        tokio::time::timeout(KILL_LIMIT, self.ended())
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the sandbox does not end"))
    }
}
