//! What all handlers share, and the daemon's life from listening to its graceful stop.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{Instant, timeout_at};

use crate::environment::{Environment, is_valid_name};
use crate::http::{ApiError, Listener, Server};
use crate::process::OutputBudget;
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
        Self {
            work_dir: work_dir.into(),
            home: std::env::var_os("HOME").map(PathBuf::from),
            environment: Environment::for_children(std::env::vars_os()),
            reap: ReapScope::OwnChildren,
            stop: StopScope::OwnGroups,
            output_limit_bytes: DEFAULT_OUTPUT_LIMIT_BYTES,
        }
    }

    /// A toolbox that is PID 1.
    pub fn init(work_dir: PathBuf, home: Option<PathBuf>, environment: Environment) -> Self {
        Self {
            work_dir,
            home,
            environment,
            reap: ReapScope::Everything,
            stop: StopScope::Everything,
            output_limit_bytes: DEFAULT_OUTPUT_LIMIT_BYTES,
        }
    }
}

/// What handlers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) work_dir: PathBuf,
    pub(crate) home: Option<PathBuf>,
    environment: Environment,
    pub(crate) reaper: Arc<Reaper>,
    pub(crate) output_budget: Arc<OutputBudget>,
}

impl Shared {
    /// The path that a request means: a relative one is in the work directory.
    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        // Joined by components, which drops `.` and doubled slashes and keeps `..`: what that means
        // is the file system's to say.
        self.work_dir.join(path).components().collect()
    }

    /// The environment of a process, with what the request adds.
    pub(crate) fn environment_with(
        &self,
        added: Option<BTreeMap<String, String>>,
    ) -> Result<Environment, ApiError> {
        let mut environment = self.environment.clone();
        for (name, value) in added.unwrap_or_default() {
            if !is_valid_name(&name) {
                return Err(ApiError::bad_request(format!("invalid environment variable name: {name:?}")));
            }
            environment.set(name, value);
        }
        Ok(environment)
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
}

impl Toolbox {
    /// Makes a toolbox. Binds nothing, starts nothing.
    ///
    /// # Errors
    ///
    /// When not even an empty pipe can be made.
    pub fn new(config: Config) -> io::Result<Self> {
        let shared = Shared {
            work_dir: config.work_dir,
            home: config.home,
            environment: config.environment,
            reaper: Reaper::new(config.reap)?,
            output_budget: OutputBudget::new(config.output_limit_bytes),
        };
        Ok(Self { shared: Arc::new(shared), stop: config.stop })
    }

    /// Serves until `shutdown` is ready; then stops accepting, sends SIGTERM to the processes of its
    /// [`StopScope`], waits up to 5 s for them to end and for answers to go out, and sends SIGKILL.
    ///
    /// # Errors
    ///
    /// When ends of children cannot be heard of, or the listener is not usable. Once it serves,
    /// nothing makes it return but `shutdown`.
    pub async fn run(self, listener: Listener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let Self { shared, stop } = self;
        let reaper = Arc::clone(&shared.reaper);
        let server = Server::start(listener, shared)?;
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
        let ended = async {
            tokio::join!(reaper.run_until_childless(), server.stop());
        };
        if timeout_at(deadline, ended).await.is_err() {
            signal(Signal::KILL);
        }
        Ok(())
    }
}
