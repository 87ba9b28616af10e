//! One session: its shell, its commands, its end.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use paddock_wire_toolbox::{ErrorCode, Session as Listed};
use rustix::process::Pid;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::command::{Command, Typing};
use super::dialect::Dialect;
use super::directory::Directory;
use super::log::Place;
use super::runner::{Runner, ShellEnds, connect};
use crate::http::ApiError;
use crate::spawn::{self, Grace, Reaper};
use crate::toolbox::Shared;
use crate::words::plain;

/// A session that is listed, whether or not its shell still runs.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: String,
    /// Sessions are listed in the order in which they were made.
    pub(super) order: u64,
    /// `None` where there is no place for files.
    pub(super) directory: Option<Directory>,
    /// The shell, which leads a session in the kernel's sense.
    leader: Pid,
    commands: Mutex<Commands>,
    /// Its shell has exited, and every command of it has ended.
    pub(super) has_ended: CancellationToken,
    /// It has been deleted.
    pub(super) is_gone: CancellationToken,
}

#[derive(Debug)]
struct Commands {
    /// In the order in which they were submitted.
    all: Vec<Arc<Command>>,
    /// `None` once the shell has exited.
    queue: Option<mpsc::UnboundedSender<Arc<Command>>>,
}

impl Session {
    /// Starts a shell in `start` that waits for commands.
    pub(super) async fn start(
        id: String,
        order: u64,
        directory: Option<Directory>,
        start: &Path,
        shared: &Shared,
    ) -> Result<Arc<Self>, ApiError> {
        let failed = |error: String| ApiError::internal(format!("could not start the session: {error}"));
        let (connection, ends) = connect().map_err(|error| failed(plain(&error)))?;
        let ShellEnds { lines, statuses, stdout, stderr, script } = ends;
        let environment = shared.environment();
        let picked = shared.shell(&environment);
        let (shell, dialect) = match Dialect::of(&picked) {
            Some(dialect) => (picked.as_os_str(), dialect),
            None => (OsStr::new("sh"), Dialect::Posix),
        };
        let null = shared.reaper.null().map_err(|error| failed(plain(&error)))?;
        let command = spawn::Command::new(shell, ["-s"], &environment, start, stdout)
            .map_err(|error| failed(error.to_string()))?
            .stderr(stderr)
            .stdin(lines)
            .inherit(null)
            .inherit(statuses)
            .inherit(script)
            .session(spawn::Session::Own);
        let mut child = shared.reaper.spawn(command).map_err(|error| failed(error.to_string()))?;
        child.started().await.map_err(|error| failed(error.to_string()))?;
        let (submit, queue) = mpsc::unbounded_channel();
        let session = Arc::new(Self {
            id,
            order,
            directory,
            leader: child.group(),
            commands: Mutex::new(Commands { all: Vec::new(), queue: Some(submit) }),
            has_ended: CancellationToken::new(),
            is_gone: CancellationToken::new(),
        });
        let runner = Runner { session: Arc::clone(&session), child, connection, dialect, queue };
        tokio::spawn(runner.run());
        Ok(session)
    }

    /// Queues a command behind the earlier ones.
    pub(super) fn submit(&self, text: String, typing: Typing) -> Result<Arc<Command>, ApiError> {
        let mut commands = self.lock();
        let Some(queue) = commands.queue.clone() else { return Err(self.has_ended_error()) };
        let number = commands.all.len() + 1;
        let place = self.directory.as_ref().map_or(Place::Memory, |dir| Place::File(dir.log(number)));
        let id = Uuid::new_v4().to_string();
        let command = Command::new(id, number, text, typing, place);
        commands.all.push(Arc::clone(&command));
        // The runner is there for as long as there is a sender here.
        let _ = queue.send(Arc::clone(&command));
        Ok(command)
    }

    pub(super) fn command(&self, id: &str) -> Option<Arc<Command>> {
        self.lock().all.iter().rev().find(|command| command.id == id).cloned()
    }

    pub(super) fn listed(&self) -> Listed {
        let commands = self.lock().all.iter().map(|command| command.listed()).collect();
        Listed { session_id: self.id.clone(), commands }
    }

    /// Whether its shell has exited.
    pub(super) fn check_running(&self) -> Result<(), ApiError> {
        if self.lock().queue.is_some() { Ok(()) } else { Err(self.has_ended_error()) }
    }

    /// The shell has exited: no more commands.
    pub(super) fn end(&self) {
        self.lock().queue = None;
    }

    /// Ends its processes, closes its logs' followers, and removes its files.
    pub(super) async fn delete(self: Arc<Self>, reaper: &Reaper, grace: Grace) {
        spawn::terminate(self.leader, !self.has_ended.is_cancelled(), reaper, grace).await;
        // The shell is gone, so this comes.
        self.has_ended.cancelled().await;
        self.is_gone.cancel();
        // It fails only when the daemon ends.
        let _ = tokio::task::spawn_blocking(move || self.remove_files()).await;
    }

    /// Blocks.
    pub(super) fn remove_files(&self) {
        if let Some(directory) = &self.directory {
            directory.remove();
        }
    }

    fn has_ended_error(&self) -> ApiError {
        ApiError::new(ErrorCode::SessionEnded, format!("session has ended: {}", self.id))
    }

    fn lock(&self) -> MutexGuard<'_, Commands> {
        // A panic while it was held cannot have left it half changed.
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
