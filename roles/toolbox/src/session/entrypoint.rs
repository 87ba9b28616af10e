//! The image's own program, as the one command of the session `entrypoint`.
//!
//! Its end does not end the sandbox. Its input is at its end. An image without a program has the session
//! too, with a command that never ends and costs no process.

use std::ffi::OsString;
use std::sync::Arc;

use bytes::Bytes;
use rustix::pipe::{PipeFlags, pipe_with};
use tokio_util::sync::CancellationToken;

use super::command::{Command, NEVER_RAN, Typing};
use super::directory::Root;
use super::log::{Place, Record, Stream};
use super::runner::read_on;
use super::streams::Streams;
use crate::spawn::{self, Child, StartError};
use crate::toolbox::Shared;
use crate::words::plain;

/// The id of the command.
const COMMAND: &str = "entrypoint_command";

/// What the command of an image without a program is called.
const IDLE: &str = "sleep infinity";

/// Statuses that shells give to programs that they cannot find, or cannot run.
const NOT_FOUND: i32 = 127;
const NOT_RUN: i32 = 126;

/// Starts the program in the background. Must be called inside a runtime.
pub(super) fn start(arguments: Vec<OsString>, root: Arc<Root>, shared: &Arc<Shared>) -> Arc<Command> {
    let command = |text: String, place| Command::new(COMMAND.to_owned(), 1, text, Typing::None, place);
    if arguments.is_empty() {
        return command(IDLE.to_owned(), Place::Memory);
    }
    let words: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    let text = words.join(" ");
    let command = command(text, Place::Nameless(root));
    tokio::spawn(run(arguments, Arc::clone(&command), Arc::clone(shared)));
    command
}

async fn run(arguments: Vec<OsString>, command: Arc<Command>, shared: Arc<Shared>) {
    let (mut child, mut streams) = match spawn(&arguments, &shared) {
        Ok(started) => started,
        Err(error) => return refuse(&command, &error, NEVER_RAN).await,
    };
    if let Err(error) = child.started().await {
        let exit_code = if matches!(error, StartError::NotFound { .. }) { NOT_FOUND } else { NOT_RUN };
        return refuse(&command, &error.to_string(), exit_code).await;
    }
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            () = streams.pump(&command.log) => {}
        }
    };
    streams.drain(&command.log).await;
    command.end(status.code()).await;
    // The session is never deleted.
    read_on(streams, Arc::clone(&command.log), CancellationToken::new());
}

fn spawn(arguments: &[OsString], shared: &Shared) -> Result<(Child, Streams), String> {
    let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(|error| plain(&error.into()));
    let ((stdout, stdout_write), (stderr, stderr_write)) = (pipe()?, pipe()?);
    let streams = Streams::new(stdout, stderr).map_err(|error| plain(&error))?;
    let (program, arguments) = arguments.split_first().ok_or("no program")?;
    let command =
        spawn::Command::new(program, arguments, &shared.environment(), &shared.work_dir, stdout_write)
            .map_err(|error| error.to_string())?
            .stderr(stderr_write)
            .session(spawn::Session::Own);
    let child = shared.reaper.spawn(command).map_err(|error| error.to_string())?;
    Ok((child, streams))
}

async fn refuse(command: &Command, error: &str, exit_code: i32) {
    let content = Bytes::from(format!("{error}\n"));
    command.log.append(&mut vec![Record { stream: Stream::Stderr, content }]).await;
    command.end(exit_code).await;
}
