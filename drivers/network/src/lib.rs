//! Connects sandboxes to the outside, and to nothing else: not to the host, not to each other, not to
//! private networks, not to a cloud's metadata. Sandboxes that are linked reach each other.
//!
//! To this crate a sandbox is a network namespace and, once connected, a [`Port`]. What may be reached is
//! decided here and nowhere inside the sandbox.
//!
//! Implementations: [`router`] (a network namespace of paddock's own between the sandboxes and the host),
//! [`fake`].

pub mod fake;
pub mod router;

use std::collections::BTreeSet;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::BorrowedFd;

/// The place at which one sandbox is connected. Numbers are reused after [`Network::disconnect`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(pub u16);

/// What a sandbox may reach beyond itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Everything public.
    Public,
    /// Nothing but what it is linked with, not even name resolution.
    Blocked,
}

/// What an implementation can do. Upper code asks this, never its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    /// For logs and `paddock doctor`.
    pub name: &'static str,
    /// The name server that sandboxes are to use.
    pub resolver: Ipv4Addr,
}

/// Why a network could not be set up or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Every number is taken.
    #[error("no more than {0} sandboxes can be connected on one host")]
    Full(usize),
    /// A step failed.
    #[error("could not {action}")]
    Io {
        /// The step.
        action: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The rules could not be loaded.
    #[error("nft failed: {0}")]
    Rules(String),
    /// A test wanted it so.
    #[error(transparent)]
    Injected(#[from] paddock_failpoint::Injected),
}

impl Error {
    fn io(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, source }
    }
}

impl From<io::Error> for Error {
    /// For [`paddock_sys::thread::scoped`] alone, whose own failure is to make a thread.
    fn from(source: io::Error) -> Self {
        Self::Io { action: "make a thread", source }
    }
}

/// The network of one runner. Every call blocks.
pub trait Network: Send + Sync {
    /// What this implementation can do.
    fn info(&self) -> Info;

    /// Gives the namespace a device, an address and a way out, with [`Policy::Public`]. The connection ends
    /// with [`Network::disconnect`], or with the namespace.
    fn connect(&self, namespace: BorrowedFd<'_>) -> Result<Port, Error>;

    /// Sets what may be reached through `port`, for connections that exist too.
    fn set_policy(&self, port: Port, policy: Policy) -> Result<(), Error>;

    /// Lets the sandboxes of `group` reach each other, whatever their policies, and nobody else by a link: whatever links
    /// any of them had before are gone. Of one alone, all links end. Links end with [`Network::disconnect`].
    fn link(&self, group: &BTreeSet<Port>) -> Result<(), Error>;

    /// Ends the connection and frees the number. One that is not there is no error.
    fn disconnect(&self, port: Port) -> Result<(), Error>;

    /// Every connection there is, also such as a killed process left behind.
    fn list(&self) -> Result<Vec<Port>, Error>;

    /// The address of the sandbox at `port`.
    fn address(&self, port: Port) -> Ipv4Addr;
}
