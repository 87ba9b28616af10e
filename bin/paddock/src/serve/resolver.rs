//! The resolver's process: an unprivileged child of the runner. Its sockets lie in the router's network
//! namespace, where sandboxes reach them; it asks the host's own name servers from the host's.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use paddock_driver_network::router::Router;

use super::signals;
use crate::user::User;

/// Where names are asked for.
const PORT: u16 = 53;

/// The sockets that sandboxes ask at.
pub(super) fn bind(router: &Router, address: Ipv4Addr) -> Result<(UdpSocket, TcpListener)> {
    let address = SocketAddr::new(IpAddr::V4(address), PORT);
    let sockets = router.inside(|| Ok((UdpSocket::bind(address)?, TcpListener::bind(address)?)));
    sockets.with_context(|| format!("could not listen on {address} in the router's namespace"))
}

/// What names the file with the links of sandboxes to the process.
const LINKS: &str = "PADDOCK_RESOLVER_LINKS";

/// Starts the process with the two sockets and the file that tells it of links.
pub(super) fn spawn(
    sockets: &[BorrowedFd<'_>; 2],
    links: &Path,
    user: User,
) -> Result<tokio::process::Child> {
    let own = std::env::current_exe().context("could not find this program's own path")?;
    let descriptors = sockets.map(|socket| socket.as_raw_fd());
    let mut command = tokio::process::Command::new(own);
    command.args(["serve", "--role", "resolver"]).env(LINKS, links).kill_on_drop(true);
    let parent = std::process::id();
    #[expect(unsafe_code, reason = "the child is prepared between fork and exec")]
    // SAFETY: only system calls on integers, all async-signal-safe.
    unsafe {
        command.pre_exec(move || signals::prepare_child(parent, &descriptors, Some((user.uid, user.gid))));
    }
    command.spawn().context("could not start the resolver")
}

/// Serves until the runner ends.
pub(crate) fn run() -> Result<()> {
    #[expect(unsafe_code, reason = "descriptors come by number from the runner")]
    // SAFETY: the runner put the two sockets there and nobody else in this process owns them.
    let (udp, tcp) = unsafe { (OwnedFd::from_raw_fd(3), OwnedFd::from_raw_fd(4)) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let links = std::env::var_os(LINKS).context("the runner did not say where links are")?;
    let serving =
        paddock_edge::resolver::serve(UdpSocket::from(udp), TcpListener::from(tcp), PathBuf::from(links));
    runtime.block_on(serving)?;
    Ok(())
}
