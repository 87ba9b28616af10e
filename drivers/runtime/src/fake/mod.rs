//! A runtime for tests of what stands above: a sandbox is a `sleep` on the host, held still by SIGSTOP.

use std::collections::BTreeMap;
use std::io;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use paddock_sys::process::{self, Process};
use paddock_types::{Resources, SandboxId};

use crate::{Accidents, Consumption, Error, Info, Launch, Reclaimed, Runtime};

/// Sandboxes as plain processes. They end with this value.
#[derive(Debug, Default)]
pub struct Fake {
    running: Mutex<BTreeMap<SandboxId, Sandbox>>,
    busy: AtomicBool,
}

#[derive(Debug)]
struct Sandbox {
    child: Child,
    frozen: bool,
    resources: Resources,
}

impl Fake {
    /// From now on no sandbox holds still, nor gives memory up (or: all do again).
    pub fn set_busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::SeqCst);
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<SandboxId, Sandbox>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn signal(&self, id: SandboxId, signal: i32, frozen: bool) -> Result<(), Error> {
        let process = self.find(id).ok_or_else(|| absent(id))?;
        if let Some(pidfd) = process.open().map_err(Error::io("open a process"))? {
            process::signal(&pidfd, signal).map_err(Error::io("signal a process"))?;
        }
        if let Some(sandbox) = self.running().get_mut(&id) {
            sandbox.frozen = frozen;
        }
        Ok(())
    }
}

fn absent(id: SandboxId) -> Error {
    Error::io(format!("find {id}"))(io::ErrorKind::NotFound.into())
}

impl Runtime for Fake {
    fn info(&self) -> Info {
        Info { name: "fake".to_owned(), shares_kernel: true, freezes: true, resizes: true }
    }

    fn launch(&self, launch: Launch<'_>) -> Result<Process, Error> {
        let child = Command::new("sleep")
            .arg("600")
            .stdin(Stdio::null())
            .spawn()
            .map_err(Error::io("start a process"))?;
        let process = i32::try_from(child.id()).ok().and_then(Process::of);
        self.running().insert(launch.id, Sandbox { child, frozen: false, resources: launch.resources });
        process.ok_or_else(|| absent(launch.id))
    }

    fn find(&self, id: SandboxId) -> Option<Process> {
        let pid = self.running().get(&id).map(|sandbox| sandbox.child.id())?;
        i32::try_from(pid).ok().and_then(Process::of).filter(Process::is_alive)
    }

    fn remove(&self, id: SandboxId) -> Result<(), Error> {
        if let Some(mut sandbox) = self.running().remove(&id) {
            let _ = sandbox.child.kill();
            sandbox.child.wait().map_err(Error::io("reap a process"))?;
        }
        Ok(())
    }

    fn list(&self) -> Result<Vec<SandboxId>, Error> {
        Ok(self.running().keys().copied().collect())
    }

    fn accidents(&self, _id: SandboxId) -> Accidents {
        Accidents::default()
    }

    fn consumption(&self, id: SandboxId) -> Result<Consumption, Error> {
        self.find(id).ok_or_else(|| absent(id))?;
        let resources = self.running().get(&id).map(|sandbox| sandbox.resources);
        Ok(Consumption {
            cpu_limit_millicores: resources.map(|resources| u64::from(resources.cpu.0) * 1000),
            memory_limit_bytes: resources.map(|resources| resources.memory.bytes()),
            ..Consumption::default()
        })
    }

    fn freeze(&self, id: SandboxId, limit: Duration) -> Result<(), Error> {
        if self.busy.load(Ordering::SeqCst) {
            return Err(Error::NotFrozen { id, limit });
        }
        self.signal(id, libc::SIGSTOP, true)
    }

    fn thaw(&self, id: SandboxId) -> Result<(), Error> {
        if self.is_frozen(id) { self.signal(id, libc::SIGCONT, false) } else { Ok(()) }
    }

    fn is_frozen(&self, id: SandboxId) -> bool {
        self.running().get(&id).is_some_and(|sandbox| sandbox.frozen)
    }

    fn reclaim(&self, id: SandboxId) -> Result<Reclaimed, Error> {
        self.find(id).ok_or_else(|| absent(id))?;
        Ok(Reclaimed { before_bytes: 0, after_bytes: 0 })
    }

    fn resize(&self, id: SandboxId, resources: Resources) -> Result<(), Error> {
        let mut running = self.running();
        let sandbox = running.get_mut(&id).ok_or_else(|| absent(id))?;
        let shrinks = resources.memory.bytes() < sandbox.resources.memory.bytes();
        if shrinks && self.busy.load(Ordering::SeqCst) {
            return Err(Error::InUse { id, memory_mib: resources.memory.bytes() >> 20 });
        }
        sandbox.resources = resources;
        Ok(())
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        for (_, mut sandbox) in std::mem::take(&mut *self.running()) {
            let _ = sandbox.child.kill();
            let _ = sandbox.child.wait();
        }
    }
}
