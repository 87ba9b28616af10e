//! A runner without a host: it speaks the runner's wire over a real Unix socket and keeps its sandboxes
//! in memory.
//!
//! Its host outlives its restarts, as a real host does. A test scripts it: make it slow, failing,
//! refusing or deaf, end a sandbox behind control's back, restart it, let it lose its memory.

mod host;
mod server;
mod volumes;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use paddock_types::{ObjectId, RootRef, SandboxId, VolumeId};
use paddock_wire_runner::{Observed, RootState, Wish};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use host::Host;

/// A scriptable runner. Dropped, it stops.
pub struct FakeRunner {
    directory: TempDir,
    host: Arc<Host>,
    server: Option<JoinHandle<()>>,
}

impl FakeRunner {
    /// A runner that listens and does at once whatever is wished. Its root file system is ready.
    pub fn start() -> Self {
        let mut runner = Self::stopped();
        runner.restart();
        runner
    }

    /// A runner that does not listen yet.
    pub fn stopped() -> Self {
        let directory =
            tempfile::Builder::new().prefix("paddock-runner-").tempdir().expect("a temporary directory");
        Self { directory, host: Arc::new(Host::new()), server: None }
    }

    /// Where it listens, or would.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("runner.sock")
    }

    /// Listens again, with everything that its host has.
    pub fn restart(&mut self) {
        self.stop();
        self.server = Some(server::listen(&self.socket(), Arc::clone(&self.host)));
    }

    /// Stops to listen and breaks every connection. The host goes on.
    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
        }
        remove(&self.socket());
    }

    /// Stops, and whatever was under way is as if it had never begun.
    pub fn crash(&mut self) {
        self.stop();
        self.host.lose_work_under_way();
    }

    /// From now on everything stays at its first step.
    pub fn hold_everything(&self) {
        self.host.set_open(false);
    }

    /// Everything that was held goes on, and nothing is held any more.
    pub fn release(&self) {
        self.host.set_open(true);
    }

    /// From now on every start fails with this reason.
    pub fn fail_starts(&self, reason: &str) {
        self.host.script(|script| script.start_failure = Some(reason.to_owned()));
    }

    /// From now on every removal fails with this reason.
    pub fn fail_removals(&self, reason: &str) {
        self.host.script(|script| script.removal_failure = Some(reason.to_owned()));
    }

    /// From now on nothing can be paused, for this reason.
    pub fn fail_pauses(&self, reason: &str) {
        self.host.script(|script| script.pause_failure = Some(reason.to_owned()));
    }

    /// From now on nothing that runs can be resized, for this reason.
    pub fn fail_resizes(&self, reason: &str) {
        self.host.script(|script| script.resize_failure = Some(reason.to_owned()));
    }

    /// From now on every task fails with this reason.
    pub fn fail_tasks(&self, reason: &str) {
        self.host.script(|script| script.task_failure = Some(reason.to_owned()));
    }

    /// From now on no layer can be removed, for this reason.
    pub fn fail_layer_removals(&self, reason: &str) {
        self.host.script(|script| script.layer_failure = Some(reason.to_owned()));
    }

    /// The layers in the object store.
    pub fn layers(&self) -> Vec<ObjectId> {
        self.host.layers()
    }

    /// From now on tasks begin and do not end.
    pub fn hold_tasks(&self) {
        self.host.script(|script| script.hold_tasks = true);
    }

    /// From now on the runner says of every failure that another try may help.
    pub fn call_failures_curable(&self) {
        self.host.script(|script| script.is_curable = true);
    }

    /// From now on every wish is answered with this status and message.
    pub fn refuse_wishes(&self, status: u16, message: &str) {
        self.host.script(|script| script.refusal = Some((status, message.to_owned())));
    }

    /// The next wish is accepted, and its answer is lost with the connection.
    pub fn lose_next_answer(&self) {
        self.host.script(|script| script.lose_next_answer = true);
    }

    /// From now on nothing fails.
    pub fn behave(&self) {
        self.host.script(|script| {
            *script = host::Script { lose_next_answer: script.lose_next_answer, ..host::Script::default() };
        });
    }

    /// Ends a sandbox without a wish.
    pub fn end_by_itself(&self, id: SandboxId, reason: Option<&str>) {
        self.host.observe(id, Observed::Stopped, reason.map(ToOwned::to_owned));
    }

    /// A sandbox and its files vanish without a wish.
    pub fn lose(&self, id: SandboxId) {
        self.host.lose(id);
    }

    /// A sandbox's files vanish, and the runner says so.
    pub fn report_lost(&self, id: SandboxId) {
        self.host.report_lost(id);
    }

    /// The runner forgets which wishes it has accepted, not the sandboxes.
    pub fn forget_wishes(&self) {
        self.host.forget_wishes();
    }

    /// Puts a sandbox on the host that nobody wished.
    pub fn plant(&self, id: SandboxId) {
        self.host.plant(id);
    }

    /// Says how far the root file system is.
    pub fn set_root(&self, state: RootState, detail: Option<&str>, size_bytes: Option<u64>) {
        self.host.set_root(RootRef::BUILTIN, state, detail.map(ToOwned::to_owned), size_bytes);
    }

    /// What the host has of a sandbox.
    pub fn state(&self, id: SandboxId) -> Observed {
        self.host.state(id)
    }

    /// Every wish that was accepted or refused, in order.
    pub fn wishes(&self) -> Vec<(SandboxId, Wish)> {
        self.host.wishes()
    }

    /// From now on no volume can be made or removed, for this reason; `None`: all can again.
    pub fn fail_volumes(&self, reason: Option<&str>) {
        self.host.volumes.set_failure(reason.map(ToOwned::to_owned));
    }

    /// From now on work on volumes begins and does not end; or it does again.
    pub fn hold_volumes(&self, is_held: bool) {
        self.host.volumes.set_held(is_held);
    }

    /// Every volume that is there.
    pub fn volumes(&self) -> BTreeSet<VolumeId> {
        self.host.volumes.all()
    }

    /// How many event streams are open.
    pub fn listeners(&self) -> usize {
        self.host.listeners()
    }
}

impl Drop for FakeRunner {
    fn drop(&mut self) {
        self.stop();
    }
}

fn remove(socket: &Path) {
    if let Err(error) = std::fs::remove_file(socket) {
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{}: {error}", socket.display());
    }
}
