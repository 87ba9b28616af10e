//! One context: whose turn it is, and its worker between executions.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use paddock_wire_toolbox::InterpreterContext;
use tokio::io::AsyncReadExt;
use tokio::sync::{Mutex, MutexGuard, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::worker::{Worker, WorkerError};
use crate::clock;
use crate::toolbox::Shared;

/// The language of every context.
const LANGUAGE: &str = "python";

/// One read's worth of what nobody wants.
const DROPPED_BYTES: usize = 1 << 10;

/// A context.
#[derive(Debug)]
pub(super) struct Context {
    id: String,
    directory: PathBuf,
    created_at: String,
    is_active: std::sync::Arc<AtomicBool>,
    /// Held by the execution that runs. Fair: who comes first is served first.
    turn: Mutex<Option<Idle>>,
    /// Cancelled when the context is deleted.
    pub(super) deleted: CancellationToken,
}

/// A worker that waits for the next execution, in a task that reads what is still written meanwhile.
#[derive(Debug)]
struct Idle {
    task: JoinHandle<Option<Worker>>,
    /// Dropped: give the worker back.
    stop: oneshot::Sender<()>,
}

/// The right to run an execution.
pub(super) struct Turn<'a> {
    context: &'a Context,
    idle: MutexGuard<'a, Option<Idle>>,
}

impl Context {
    pub(super) fn new(id: String, directory: PathBuf) -> Self {
        Self {
            id,
            directory,
            created_at: clock::now(),
            is_active: std::sync::Arc::default(),
            turn: Mutex::default(),
            deleted: CancellationToken::new(),
        }
    }

    /// Waits until no other execution runs.
    pub(super) async fn turn(&self) -> Turn<'_> {
        Turn { context: self, idle: self.turn.lock().await }
    }

    /// What clients are told.
    pub(super) fn describe(&self) -> InterpreterContext {
        InterpreterContext {
            id: self.id.clone(),
            cwd: self.directory.to_string_lossy().into_owned(),
            created_at: self.created_at.clone(),
            active: self.is_active.load(Ordering::Relaxed),
            language: LANGUAGE.to_owned(),
        }
    }
}

impl Turn<'_> {
    /// The context's worker: the one that idles, or a new one if there is none or it has ended.
    pub(super) async fn worker(&mut self, shared: &Shared) -> Result<Worker, WorkerError> {
        if let Some(worker) = self.idle_worker().await {
            return Ok(worker);
        }
        let worker = Worker::start(&shared.reaper, &shared.environment(), &self.context.directory).await?;
        self.context.is_active.store(true, Ordering::Relaxed);
        Ok(worker)
    }

    /// The worker that idles, if it has not ended.
    pub(super) async fn idle_worker(&mut self) -> Option<Worker> {
        let Idle { task, stop } = self.idle.take()?;
        drop(stop);
        task.await.ok().flatten()
    }

    /// Gives the turn to the next, and keeps `worker` for it.
    pub(super) fn finish(mut self, worker: Worker) {
        let (stop, stopped) = oneshot::channel();
        let is_active = std::sync::Arc::clone(&self.context.is_active);
        *self.idle = Some(Idle { task: tokio::spawn(idle(worker, stopped, is_active)), stop });
    }

    /// Gives the turn to the next; the worker has ended.
    pub(super) fn finish_without_worker(self) {
        self.context.is_active.store(false, Ordering::Relaxed);
    }
}

/// Reads and drops what is written until it is told to stop. Gives the worker back if it still lives.
async fn idle(
    mut worker: Worker,
    mut stopped: oneshot::Receiver<()>,
    is_active: std::sync::Arc<AtomicBool>,
) -> Option<Worker> {
    let (mut stdout, mut stderr) = ([0; DROPPED_BYTES], [0; DROPPED_BYTES]);
    let (mut has_stdout, mut has_stderr) = (true, true);
    loop {
        tokio::select! {
            _ = &mut stopped => return Some(worker),
            // Between executions it has nothing to say: it has ended, or the program got hold of the channel.
            _ = worker.channel.said() => {
                is_active.store(false, Ordering::Relaxed);
                return None;
            }
            read = worker.stdout.read(&mut stdout), if has_stdout => {
                has_stdout = read.is_ok_and(|count| count > 0);
            }
            read = worker.stderr.read(&mut stderr), if has_stderr => {
                has_stderr = read.is_ok_and(|count| count > 0);
            }
        }
    }
}
