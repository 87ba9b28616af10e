//! A runtime for tests of what stands above: a sandbox is a `sleep` on the host.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use paddock_sys::process::Process;
use paddock_types::SandboxId;

use crate::{Accidents, Error, Info, Launch, Runtime};

/// Sandboxes as plain processes. They end with this value.
#[derive(Debug, Default)]
pub struct Fake {
    running: Mutex<BTreeMap<SandboxId, Child>>,
}

impl Fake {
    fn running(&self) -> MutexGuard<'_, BTreeMap<SandboxId, Child>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runtime for Fake {
    fn info(&self) -> Info {
        Info { name: "fake".to_owned(), shares_kernel: true }
    }

    fn launch(&self, launch: Launch<'_>) -> Result<Process, Error> {
        let child = Command::new("sleep")
            .arg("600")
            .stdin(Stdio::null())
            .spawn()
            .map_err(Error::io("start a process"))?;
        let process = i32::try_from(child.id()).ok().and_then(Process::of);
        self.running().insert(launch.id, child);
        process.ok_or_else(|| Error::io("find the process")(std::io::ErrorKind::NotFound.into()))
    }

    fn find(&self, id: SandboxId) -> Option<Process> {
        let pid = self.running().get(&id).map(Child::id)?;
        i32::try_from(pid).ok().and_then(Process::of).filter(Process::is_alive)
    }

    fn remove(&self, id: SandboxId) -> Result<(), Error> {
        if let Some(mut child) = self.running().remove(&id) {
            let _ = child.kill();
            child.wait().map_err(Error::io("reap a process"))?;
        }
        Ok(())
    }

    fn list(&self) -> Result<Vec<SandboxId>, Error> {
        Ok(self.running().keys().copied().collect())
    }

    fn accidents(&self, _id: SandboxId) -> Accidents {
        Accidents::default()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        for (_, mut child) in std::mem::take(&mut *self.running()) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
