//! A network for tests of what stands above: numbers without devices.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::os::fd::BorrowedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Error, Info, Network, Policy, Port};

/// Remembers what was asked.
#[derive(Debug, Default)]
pub struct Fake {
    ports: Mutex<BTreeMap<Port, Policy>>,
    groups: Mutex<Vec<BTreeSet<Port>>>,
}

impl Fake {
    /// The policy that was last set for `port`. `None`: not connected.
    pub fn policy(&self, port: Port) -> Option<Policy> {
        self.ports().get(&port).copied()
    }

    /// Whether two sandboxes reach each other.
    pub fn are_linked(&self, one: Port, other: Port) -> bool {
        self.groups().iter().any(|group| group.contains(&one) && group.contains(&other))
    }

    fn groups(&self) -> MutexGuard<'_, Vec<BTreeSet<Port>>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, ports: &BTreeSet<Port>) {
        for group in self.groups().iter_mut() {
            group.retain(|port| !ports.contains(port));
        }
        self.groups().retain(|group| group.len() > 1);
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

    fn link(&self, group: &BTreeSet<Port>) -> Result<(), Error> {
        self.leave(group);
        self.groups().push(group.clone());
        Ok(())
    }

    fn disconnect(&self, port: Port) -> Result<(), Error> {
        self.leave(&BTreeSet::from([port]));
        self.ports().remove(&port);
        Ok(())
    }

    fn list(&self) -> Result<Vec<Port>, Error> {
        Ok(self.ports().keys().copied().collect())
    }

    fn address(&self, port: Port) -> Ipv4Addr {
        let [high, low] = port.0.to_be_bytes();
        Ipv4Addr::new(127, 0, high, low)
    }
}
