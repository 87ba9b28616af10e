//! A network for tests of what stands above: numbers without devices.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::os::fd::BorrowedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Error, Info, Network, Policy, Port};

/// Remembers what was asked.
#[derive(Debug, Default)]
pub struct Fake {
    ports: Mutex<BTreeMap<Port, Policy>>,
}

impl Fake {
    /// The policy that was last set for `port`. `None`: not connected.
    pub fn policy(&self, port: Port) -> Option<Policy> {
        self.ports().get(&port).copied()
    }

    fn ports(&self) -> MutexGuard<'_, BTreeMap<Port, Policy>> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Network for Fake {
    fn info(&self) -> Info {
        Info { name: "fake", resolver: Ipv4Addr::LOCALHOST }
    }

    fn connect(&self, _namespace: BorrowedFd<'_>) -> Result<Port, Error> {
        let mut ports = self.ports();
        let free =
            (1..=u16::MAX).map(Port).find(|port| !ports.contains_key(port)).ok_or(Error::Full(65_535))?;
        ports.insert(free, Policy::Public);
        Ok(free)
    }

    fn set_policy(&self, port: Port, policy: Policy) -> Result<(), Error> {
        self.ports().insert(port, policy);
        Ok(())
    }

    fn disconnect(&self, port: Port) -> Result<(), Error> {
        self.ports().remove(&port);
        Ok(())
    }

    fn list(&self) -> Result<Vec<Port>, Error> {
        Ok(self.ports().keys().copied().collect())
    }

    fn address(&self, _port: Port) -> Ipv4Addr {
        Ipv4Addr::LOCALHOST
    }
}
