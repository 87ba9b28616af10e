//! A terminal that clients know by an id.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use paddock_wire_toolbox::{PtyExit, PtySessionInfo};
use rustix::process::Pid;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout, timeout_at};

use super::exit::{KILLED, NOT_STARTED, exit};
use super::options::Options;
use super::outbox::{Outbox, Outboxes};
use super::terminal::{Size, Terminal, TerminalError};
use crate::clock;
use crate::spawn::Child;
use crate::toolbox::Shared;

/// What all clients may have typed that nobody has read yet. Beyond it, sockets are not read.
const UNREAD_BYTES: usize = 1 << 20;

/// The largest piece of input that is handed on at a time.
pub(super) const LONGEST_INPUT: usize = 64 << 10;

/// How long a start is waited for. A socket's first message must go out within 100 ms.
const START_LIMIT: Duration = Duration::from_millis(50);

/// Once the shell has ended: how long the terminal is silent before nothing more is awaited, and how long it
/// is listened to at most. Only while another process still has it open; otherwise its end is told.
const SILENCE: Duration = Duration::from_millis(100);
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A terminal on the list.
#[derive(Debug)]
pub(super) struct Session {
    options: Options,
    /// Terminals are listed in the order in which they were made.
    pub(super) order: u64,
    created_at: String,
    clients: Outboxes,
    state: Mutex<State>,
    /// One waits for the other to start the shell.
    starting: tokio::sync::Mutex<()>,
    /// Counts bytes of input that may still be queued.
    room: Arc<Semaphore>,
}

#[derive(Debug)]
struct State {
    size: Size,
    shell: Shell,
    /// Somebody has asked for its end.
    is_deleted: bool,
}

#[derive(Debug)]
enum Shell {
    NotStarted,
    Running { leader: Pid, terminal: Arc<Terminal>, input: mpsc::UnboundedSender<Input> },
    Ended(PtyExit),
}

/// A piece of input and its place in the queue.
#[derive(Debug)]
struct Input {
    bytes: Bytes,
    _place: OwnedSemaphorePermit,
}

impl Session {
    pub(super) fn new(options: Options, order: u64) -> Arc<Self> {
        Arc::new(Self {
            order,
            created_at: clock::now(),
            clients: Outboxes::default(),
            state: Mutex::new(State { size: options.size, shell: Shell::NotStarted, is_deleted: false }),
            starting: tokio::sync::Mutex::default(),
            room: Arc::new(Semaphore::new(UNREAD_BYTES)),
            options,
        })
    }

    pub(super) fn id(&self) -> &str {
        &self.options.id
    }

    pub(super) fn info(&self) -> PtySessionInfo {
        let state = self.lock();
        PtySessionInfo {
            id: self.options.id.clone(),
            cwd: self.options.directory.to_string_lossy().into_owned(),
            envs: self.options.envs.clone(),
            cols: state.size.cols,
            rows: state.size.rows,
            created_at: self.created_at.clone(),
            active: matches!(state.shell, Shell::Running { .. }),
            lazy_start: self.options.is_lazy,
        }
    }

    /// Whether its shell has been started, or has failed to.
    pub(super) fn has_started(&self) -> bool {
        !matches!(self.lock().shell, Shell::NotStarted)
    }

    /// A new client's queue, from here on.
    pub(super) fn attach(&self) -> Arc<Outbox> {
        let outbox = self.clients.open();
        // Under the same lock that ends it, so that nobody waits for an end that has been told.
        if let Shell::Ended(exit) = &self.lock().shell {
            outbox.end(exit.clone());
        }
        outbox
    }

    /// Starts the shell if it has not been started. Gives up waiting for it after a moment; if it fails
    /// later, the terminal ends.
    pub(super) async fn start(self: &Arc<Self>, shared: &Arc<Shared>) -> Result<(), TerminalError> {
        let _one_at_a_time = self.starting.lock().await;
        if !matches!(self.lock().shell, Shell::NotStarted) {
            return Ok(());
        }
        let mut environment = crate::environment::Environment::clone(&shared.environment());
        for (name, value) in &self.options.envs {
            environment.set(name, value);
        }
        let shell = shared.shell(&environment);
        let size = self.lock().size;
        let (terminal, mut child) =
            Terminal::start(&shell, &environment, &self.options.directory, size, &shared.reaper)?;
        let started = timeout(START_LIMIT, child.started()).await;
        if let Ok(Err(error)) = started {
            self.lock().shell = Shell::Ended(exit(NOT_STARTED));
            return Err(error.into());
        }
        let terminal = Arc::new(terminal);
        let (input, queue) = mpsc::unbounded_channel();
        let leader = child.group();
        {
            let mut state = self.lock();
            // Of a size that was changed meanwhile.
            let _ = terminal.resize(state.size);
            state.shell = Shell::Running { leader, terminal: Arc::clone(&terminal), input };
        }
        let typing = tokio::spawn(write(queue, Arc::clone(&terminal)));
        let (session, shared) = (Arc::clone(self), Arc::clone(shared));
        tokio::spawn(async move {
            session.pump(terminal, child, &shared).await;
            typing.abort();
        });
        Ok(())
    }

    /// Queues input; waits for room. May be cancelled before it is queued.
    pub(super) async fn type_in(&self, bytes: Bytes) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        // It fails only if the semaphore is closed, which it never is.
        let Ok(place) = Arc::clone(&self.room).acquire_many_owned(length).await else { return };
        self.queue(bytes, place);
    }

    fn queue(&self, bytes: Bytes, place: OwnedSemaphorePermit) {
        if let Shell::Running { input, .. } = &self.lock().shell {
            // Nobody takes it once the terminal has ended.
            let _ = input.send(Input { bytes, _place: place });
        }
    }

    /// Queues input whose client has gone, if there is room for it at once: nobody waits for it any more.
    pub(super) fn type_later(&self, mut message: Bytes) {
        while !message.is_empty() {
            let bytes = message.split_to(message.len().min(LONGEST_INPUT));
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            let Ok(place) = Arc::clone(&self.room).try_acquire_many_owned(length) else { return };
            self.queue(bytes, place);
        }
    }

    /// Changes the size; before the start, only what it will be. False if the terminal has ended.
    pub(super) fn resize(&self, size: Size) -> bool {
        let mut state = self.lock();
        let is_there = match &state.shell {
            Shell::NotStarted => true,
            Shell::Running { terminal, .. } => terminal.resize(size).is_ok(),
            Shell::Ended(_) => false,
        };
        if is_there {
            state.size = size;
        }
        is_there
    }

    /// Marks it as deleted, for its clients to hear that it was killed, and gives back whom to kill. One that was
    /// never started ends here.
    pub(super) fn delete(&self) -> Option<Pid> {
        let mut state = self.lock();
        state.is_deleted = true;
        if let Shell::Running { leader, .. } = &state.shell {
            return Some(*leader);
        }
        state.shell = Shell::Ended(exit(KILLED));
        drop(state);
        self.clients.end(&exit(KILLED));
        None
    }

    /// The shell, while it runs.
    pub(super) fn leader(&self) -> Option<Pid> {
        match &self.lock().shell {
            Shell::Running { leader, .. } => Some(*leader),
            Shell::NotStarted | Shell::Ended(_) => None,
        }
    }

    /// Hands output to the clients until the shell has ended and all has been read.
    async fn pump(&self, terminal: Arc<Terminal>, mut child: Child, shared: &Shared) {
        let mut is_open = true;
        let status = loop {
            tokio::select! {
                output = terminal.read(), if is_open => match output {
                    Some(output) => self.clients.push(&output).await,
                    // The shell has closed its terminal, and may go on without.
                    None => is_open = false,
                },
                status = child.wait() => break status,
            }
        };
        // From here on it is not listed any more, and its id is free.
        shared.terminals.remove(self);
        let deadline = Instant::now() + LAST_WORDS;
        while is_open {
            let silence = deadline.min(Instant::now() + SILENCE);
            let output = timeout_at(silence, terminal.read()).await.ok().flatten();
            is_open = output.is_some();
            if let Some(output) = output {
                self.clients.push(&output).await;
            }
        }
        let exit = {
            let mut state = self.lock();
            let exit = exit(if state.is_deleted { KILLED } else { status.code() });
            state.shell = Shell::Ended(exit.clone());
            exit
        };
        self.clients.end(&exit);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while it was held cannot have left it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Types what clients send, in the order in which it came.
async fn write(mut queue: mpsc::UnboundedReceiver<Input>, terminal: Arc<Terminal>) {
    while let Some(input) = queue.recv().await {
        if terminal.write_all(&input.bytes).await.is_err() {
            return;
        }
    }
}
