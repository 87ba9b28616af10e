//! A connection to whoever listens on a port, on whatever address.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::listeners::listeners;
use crate::http::ApiError;

/// Within one network namespace a connection is there at once, or the listener's queue is full.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connects to `port`: on the loopback addresses, and if nobody listens there, on the address that the listener is
/// bound to.
pub(super) async fn connect(port: u16) -> io::Result<TcpStream> {
    let mut refusal = io::Error::from(io::ErrorKind::ConnectionRefused);
    let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let bound = || listeners().ok().and_then(|mut all| all.remove(&port)).unwrap_or_default();
    for address in loopback.into_iter().chain(std::iter::once_with(bound).flatten()) {
        match timeout(PATIENCE, TcpStream::connect(SocketAddr::new(address, port))).await {
            Ok(Ok(stream)) => {
                // Fails only on a socket that is gone already.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => refusal = error,
            Err(elapsed) => refusal = elapsed.into(),
        }
    }
    Err(refusal)
}

/// 502 for a port on which nobody answers.
pub(super) fn unreachable(port: u16, error: &io::Error) -> ApiError {
    ApiError::bad_gateway(format!("nothing answers on port {port}: {error}"))
}

/// The port of a request's path.
pub(super) fn parse_port(text: &str) -> Result<u16, ApiError> {
    paddock_types::parse_port(text)
        .ok_or_else(|| ApiError::bad_request("port must be a whole number from 1 to 65535"))
}
