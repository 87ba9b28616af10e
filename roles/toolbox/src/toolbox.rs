//! What all handlers share, and the daemon's life from listening to its graceful stop.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{Instant, timeout_at};

use crate::environment::{Environment, is_valid_name};
use crate::git::{Git, Helper};
use crate::http::websocket::Sockets;
use crate::http::{ApiError, Listener, Server};
use crate::interpreter::Contexts;
use crate::lsp::Servers;
use crate::process::OutputBudget;
use crate::pty::Terminals;
use crate::session::Sessions;
use crate::shell;
use crate::spawn::{ReapScope, Reaper, signal_everything};

/// How long a stop waits for processes to end after SIGTERM, and for answers to go out.
const GRACE_PERIOD: Duration = Duration::from_secs(5);

/// What all captured outputs together may hold in memory by default. Guessed: more than twice the
/// largest output that the specification names (100 MiB), a quarter of the smallest default sandbox.
const DEFAULT_OUTPUT_LIMIT_BYTES: usize = 256 << 20;

/// How a toolbox is to run.
#[derive(Debug, Clone)]
pub struct Config {
    /// Absolute. Where commands start, and the base of every relative path.
    pub work_dir: PathBuf,
    /// The user's home; `None` if it is not known.
    pub home: Option<PathBuf>,
    /// What every process inherits.
    pub environment: Environment,
    /// Whose ends it waits for.
    pub reap: ReapScope,
    /// How it ends processes when it stops.
    pub stop: StopScope,
    /// What all captured outputs together may hold in memory. What does not fit is dropped and the
    /// answer says so.
    pub output_limit_bytes: usize,
    /// The image's entrypoint and command, which run in the session `entrypoint`. Empty: that session
    /// has nothing to run. `None`: there is no such session.
    pub entrypoint: Option<Vec<OsString>>,
    /// Where sessions may keep their files: the first that can be written is taken. If none can, sessions
    /// work without.
    pub session_directories: Vec<PathBuf>,
    /// The shell of sessions and terminals; `None`: whichever of the image's is the best at the time.
    pub shell: Option<OsString>,
    /// What does the operations of git; without it they fail.
    pub git_helper: Option<Helper>,
}

/// Which processes a stopping toolbox ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopScope {
    /// Every process that it may signal. **Only for PID 1 of a namespace of its own.**
    Everything,
    /// The process groups of its own living children.
    OwnGroups,
}

impl Config {
    /// A toolbox that works in `work_dir` with the environment of this process, and leaves all
    /// processes alone that it did not start.
    pub fn embedded(work_dir: impl Into<PathBuf>) -> Self {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        Self {
            work_dir: work_dir.into(),
            session_directories: session_directories(home.as_deref()),
            home,
            environment: Environment::for_children(std::env::vars_os()),
            reap: ReapScope::OwnChildren,
            stop: StopScope::OwnGroups,
            output_limit_bytes: DEFAULT_OUTPUT_LIMIT_BYTES,
            entrypoint: None,
            shell: None,
            git_helper: None,
        }
    }

    /// A toolbox that is PID 1, with the image's entrypoint and command, which may be empty.
    pub fn init(
        work_dir: PathBuf,
        home: Option<PathBuf>,
        environment: Environment,
        entrypoint: Vec<OsString>,
    ) -> Self {
        Self {
            work_dir,
            session_directories: session_directories(home.as_deref()),
            home,
            environment,
            reap: ReapScope::Everything,
            stop: StopScope::Everything,
            output_limit_bytes: DEFAULT_OUTPUT_LIMIT_BYTES,
            entrypoint: Some(entrypoint),
            shell: None,
            git_helper: None,
        }
    }
}

/// The usual places for sessions' files.
fn session_directories(home: Option<&Path>) -> Vec<PathBuf> {
    let bases = home.into_iter().chain([Path::new("/tmp"), Path::new("/dev/shm")]);
    bases.map(|base| base.join(".daytona").join("sessions")).collect()
}

/// What handlers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) work_dir: PathBuf,
    pub(crate) home: Option<PathBuf>,
    environment: RwLock<Arc<Environment>>,
    pub(crate) reaper: Arc<Reaper>,
    pub(crate) output_budget: Arc<OutputBudget>,
    pub(crate) sockets: Sockets,
    pub(crate) interpreter: Contexts,
    pub(crate) language_servers: Servers,
    pub(crate) sessions: Sessions,
    pub(crate) terminals: Terminals,
    shell: Option<OsString>,
    pub(crate) git: Git,
}

impl Shared {
    /// The path that a request means: a relative one is in the work directory.
    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        // Joined by components, which drops `.` and doubled slashes and keeps `..`: what that means
        // is the file system's to say.
        self.work_dir.join(path).components().collect()
    }

    /// The environment that processes inherit at this moment.
    pub(crate) fn environment(&self) -> Arc<Environment> {
        Arc::clone(&self.environment.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the environment of later processes.
    pub(crate) fn change_environment(&self, change: impl FnOnce(&mut Environment)) {
        let mut environment = self.environment.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut environment));
    }

    /// The environment of a process, with what the request adds.
    pub(crate) fn environment_with(
        &self,
        added: Option<BTreeMap<String, String>>,
    ) -> Result<Environment, ApiError> {
        let mut environment = Environment::clone(&self.environment());
        for (name, value) in added.unwrap_or_default() {
            if !is_valid_name(&name) {
                return Err(ApiError::bad_request(format!("invalid environment variable name: {name:?}")));
            }
            environment.set(name, value);
        }
        Ok(environment)
    }

    /// The shell for whoever talks to one.
    pub(crate) fn shell(&self, environment: &Environment) -> OsString {
        self.shell.clone().unwrap_or_else(|| shell::pick(environment))
    }

    /// The work directory as text; bytes that are no text are replaced.
    pub(crate) fn work_dir_text(&self) -> String {
        text(&self.work_dir)
    }

    /// The home as text, if it is known.
    pub(crate) fn home_text(&self) -> Option<String> {
        self.home.as_deref().map(text)
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A toolbox that has been made and does not serve yet.
#[derive(Debug)]
pub struct Toolbox {
    shared: Arc<Shared>,
    stop: StopScope,
    entrypoint: Option<Vec<OsString>>,
}

impl Toolbox {
    /// Makes a toolbox. Binds nothing, starts nothing.
    ///
    /// # Errors
    ///
    /// When not even an empty pipe can be made.
    pub fn new(config: Config) -> io::Result<Self> {
        // PID 1 is the only daemon of its sandbox.
        let sessions = Sessions::new(config.session_directories, config.stop == StopScope::Everything);
        let shared = Shared {
            work_dir: config.work_dir,
            home: config.home,
            environment: RwLock::new(Arc::new(config.environment)),
            reaper: Reaper::new(config.reap)?,
            output_budget: OutputBudget::new(config.output_limit_bytes),
            sockets: Sockets::default(),
            interpreter: Contexts::default(),
            language_servers: Servers::default(),
            sessions,
            terminals: Terminals::default(),
            shell: config.shell,
            git: Git::new(config.git_helper),
        };
        Ok(Self { shared: Arc::new(shared), stop: config.stop, entrypoint: config.entrypoint })
    }

    /// Serves until `shutdown` is ready; then stops accepting, closes WebSockets, sends SIGTERM to the processes of its
    /// [`StopScope`], waits up to 5 s for them to end and for answers to go out, and sends SIGKILL.
    ///
    /// # Errors
    ///
    /// When ends of children cannot be heard of, or the listener is not usable. Once it serves,
    /// nothing makes it return but `shutdown`.
    pub async fn run(self, listener: Listener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let Self { shared, stop, entrypoint } = self;
        let reaper = Arc::clone(&shared.reaper);
        let server = Server::start(listener, Arc::clone(&shared))?;
        if let Some(arguments) = entrypoint {
            shared.sessions.start_entrypoint(arguments, &shared);
        }
        tokio::select! {
            failed = reaper.run() => return failed,
            () = shutdown => {}
        }

        let deadline = Instant::now() + GRACE_PERIOD;
        let signal = |signal| match stop {
            StopScope::Everything => signal_everything(signal),
            StopScope::OwnGroups => reaper.signal_groups(signal),
        };
        signal(Signal::TERM);
        shared.terminals.hang_up();
        let ended = async {
            tokio::join!(reaper.run_until_childless(), server.stop(), shared.sockets.stop());
        };
        if timeout_at(deadline, ended).await.is_err() {
            signal(Signal::KILL);
        }
        shared.sessions.remove_files();
        Ok(())
    }
}
