//! From the first instruction to a serving daemon.
//!
//! Two ways: [`init`], as PID 1 of a sandbox, and [`listen`], on a laptop or in a test.
//!
//! As PID 1, in this order, since each step needs the one before:
//! 1. not dumpable: or any process of the same user could trace PID 1 dead;
//! 2. descriptors 3 (the socket) and 4 (for one line on how the start went) taken, and kept from
//!    children;
//! 3. a panic hook that does not abort;
//! 4. the sandbox's user: groups, gid, uid; then no capabilities. The bounding set stays, so that
//!    `sudo` works, and so does the right to gain privileges;
//! 5. the environment for children and the work directory, as that user;
//! 6. serving, and the line that says so.
//!
//! A start that fails says why in words for users on descriptor 4 and exits with 1.

pub mod accounts;
mod descriptors;
mod identity;
mod panic;
mod runtime;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use paddock_wire_toolbox::Startup;
use rustix::process::{DumpableBehavior, set_child_subreaper, set_dumpable_behavior};
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};

use crate::environment::Environment;
use crate::git::Helper;
use crate::http::Listener;
use crate::spawn::ReapScope;
use crate::toolbox::{Config, Toolbox};
use accounts::Accounts;
use descriptors::{Descriptors, Report};
use identity::Identity;

/// Why a daemon could not start. The message is fit for users.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// `PADDOCK_USER` names nobody.
    #[error("user {0:?} does not exist in the image")]
    UnknownUser(String),
    /// The kernel does not let the daemon become that user.
    #[error("could not become user {user}: {step}")]
    Identity {
        /// Name or number.
        user: String,
        /// The step that failed.
        step: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// Nowhere to serve.
    #[error("could not listen on {address}")]
    Listen {
        /// A path or a host and port.
        address: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// A descriptor that the runner promises is not there or is something else.
    #[error("descriptor {number} is not {expected}")]
    Descriptor {
        /// Its number.
        number: i32,
        /// What it should be.
        expected: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// No event loop, or no signals.
    #[error("could not start the event loop")]
    Runtime(#[source] io::Error),
}

/// Runs as PID 1 of a sandbox, under the contract with the runner. `entrypoint` is the image's program
/// and its arguments, or empty. Returns when it has stopped.
///
/// Must be called first thing in the process, while it has one thread.
#[must_use]
pub fn init(entrypoint: Vec<OsString>) -> ExitCode {
    harden();
    let Descriptors { socket, report } = match Descriptors::take() {
        Ok(descriptors) => descriptors,
        // Without descriptor 4 nobody can be told.
        Err((error, report)) => return refuse(&error, report),
    };
    panic::install_hook();
    match start_as_init(socket, entrypoint) {
        Ok((toolbox, listener, runtime)) => runtime::serve(runtime, toolbox, listener, report),
        Err(error) => refuse(&error, Some(report)),
    }
}

fn start_as_init(
    socket: std::os::unix::net::UnixListener,
    entrypoint: Vec<OsString>,
) -> Result<(Toolbox, std::os::unix::net::UnixListener, tokio::runtime::Runtime), StartError> {
    let variables: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let given = |name: &str| {
        let found = variables.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
    };
    let user = given("PADDOCK_USER").map(|user| user.to_string_lossy().into_owned());
    // Before it is another user's: who may not read the file may still run it.
    let git_helper = Helper::of_this_program();
    let identity = Identity::find(&Accounts::load(), user.as_deref())?;
    identity.assume()?;
    // The kernel makes a process dumpable again when its user changes, if the host is set so.
    harden();

    let wanted = given("PADDOCK_WORKDIR").map(PathBuf::from);
    let wants_home =
        given("DAYTONA_USER_HOME_AS_WORKDIR").is_some_and(|value| value == "true" || value == "1");
    let mut environment = Environment::for_children(variables);
    environment.set("HOME", &identity.home);
    environment.set("USER", &identity.name);
    environment.set("LOGNAME", &identity.name);
    environment.set("SHELL", &identity.shell);
    let work_dir = work_dir(wanted.filter(|_| !wants_home).as_deref(), &identity.home);

    let runtime = runtime::build().map_err(StartError::Runtime)?;
    let config =
        Config { git_helper, ..Config::init(work_dir, Some(identity.home), environment, entrypoint) };
    let toolbox = Toolbox::new(config);
    Ok((toolbox.map_err(StartError::Runtime)?, socket, runtime))
}

/// Runs in the foreground as the present user, on a Unix socket's path or on `127.0.0.1:port`, with
/// the present directory as work directory. Returns when it has been told to stop.
///
/// # Errors
///
/// When it cannot listen there, or has no event loop.
pub fn listen(address: &str) -> Result<(), StartError> {
    panic::install_hook();
    let failed = |source| StartError::Listen { address: address.to_owned(), source };
    let runtime = runtime::build().map_err(StartError::Runtime)?;
    let work_dir = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    // Orphans come to this process, so that it reaps them as PID 1 would.
    let is_reaper = set_child_subreaper(Some(rustix::process::getpid())).is_ok();
    let reap = if is_reaper { ReapScope::Everything } else { ReapScope::OwnChildren };
    let git_helper = Helper::of_this_program();
    let config = Config { reap, git_helper, ..Config::embedded(work_dir) };
    let toolbox = Toolbox::new(config).map_err(StartError::Runtime)?;
    let served = runtime.block_on(async {
        let listener = match address.parse::<std::net::SocketAddr>() {
            Ok(address) => Listener::Tcp(TcpListener::bind(address).await.map_err(failed)?),
            Err(_) => Listener::Unix(bind_unix(address).map_err(failed)?),
        };
        let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Runtime)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Runtime)?;
        let shutdown = async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        toolbox.run(listener, shutdown).await.map_err(StartError::Runtime)
    });
    runtime::stop(runtime);
    served
}

/// Binds a path, in the place of a socket that nobody listens on any more.
fn bind_unix(path: &str) -> io::Result<UnixListener> {
    let is_stale = std::os::unix::net::UnixStream::connect(path)
        .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
    if is_stale {
        std::fs::remove_file(path)?;
    }
    UnixListener::bind(path)
}

/// Keeps other processes of the same user from tracing this one, and from reading its descriptors,
/// memory and environment.
fn harden() {
    // It cannot fail on any kernel that runs this.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

fn refuse(error: &StartError, report: Option<Report>) -> ExitCode {
    let mut message = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        message = format!("{message}: {source}");
    }
    panic::log(&format!("the toolbox could not start: {message}"));
    if let Some(report) = report {
        report.send(&Startup::Failed(message));
    }
    ExitCode::FAILURE
}

/// The wanted directory if it can be entered, else the home, else the root.
fn work_dir(wanted: Option<&Path>, home: &Path) -> PathBuf {
    let can_be_entered = |path: &&Path| {
        path.is_absolute() && path.is_dir() && rustix::fs::access(*path, rustix::fs::Access::EXEC_OK).is_ok()
    };
    wanted.filter(can_be_entered).or(Some(home).filter(can_be_entered)).unwrap_or(Path::new("/")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_directory_falls_back_to_the_home_and_to_the_root() {
        let here = std::env::temp_dir();
        let none = Path::new("/no/such");
        assert_eq!(work_dir(Some(&here), none), here);
        assert_eq!(work_dir(Some(none), &here), here);
        assert_eq!(work_dir(None, &here), here);
        assert_eq!(work_dir(Some(Path::new("relative")), none), Path::new("/"));
        assert_eq!(work_dir(Some(Path::new("/etc/hostname")), none), Path::new("/"));
    }
}
