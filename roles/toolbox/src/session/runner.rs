//! The task that owns a session's shell: it gives it one command after the other and hears how each
//! ended.
//!
//! ```text
//!            ┌──────────────────────── next ◀───────────────────────┐
//!  idle ──(a command)──▶ prepare ──▶ running ──(status told)──▶ drain, record the end
//!    │                                  │
//!    └────────(shell exits)─────────────┴──(shell exits)──▶ drain, record the end ──▶ ended
//! ```
//!
//! A command's end is what the shell says, not the end of its output: a background process may hold the
//! pipes for ever. What it writes after that still goes to the command's log, until it lets go or the
//! session is deleted.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::pipe::{PipeFlags, pipe_with};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::command::{Command, Typing};
use super::dialect::{Dialect, Input, status};
use super::directory::Files;
use super::log::Log;
use super::session::Session;
use super::streams::Streams;
use crate::memory_file::memory_file;
use crate::spawn::Child;

/// Longer lines than this are nobody's status.
const LONGEST_STATUS_LINE: usize = 64 << 10;

/// The daemon's ends of what connects it with a shell.
#[derive(Debug)]
pub(super) struct Connection {
    /// Where the shell reads lines.
    lines: pipe::Sender,
    statuses: Statuses,
    /// The shell's own output, which is a command's where there are no pipes with names, and otherwise
    /// what its traps and options write between commands.
    own: Streams,
    /// In memory. Rewritten for each command whose script cannot be a file with a name.
    script: Arc<File>,
}

/// The shell's ends.
#[derive(Debug)]
pub(super) struct ShellEnds {
    pub(super) lines: OwnedFd,
    pub(super) statuses: OwnedFd,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
    pub(super) script: OwnedFd,
}

/// Makes both ends. Must be called inside a runtime.
pub(super) fn connect() -> io::Result<(Connection, ShellEnds)> {
    let script = memory_file("script", &[])?;
    let (lines, lines_write) = pipe_with(PipeFlags::CLOEXEC)?;
    let (statuses_read, statuses) = pipe_with(PipeFlags::CLOEXEC)?;
    let (stdout_read, stdout) = pipe_with(PipeFlags::CLOEXEC)?;
    let (stderr_read, stderr) = pipe_with(PipeFlags::CLOEXEC)?;
    let connection = Connection {
        lines: pipe::Sender::from_owned_fd(lines_write)?,
        statuses: Statuses { pipe: pipe::Receiver::from_owned_fd(statuses_read)?, buffer: Vec::new() },
        own: Streams::new(stdout_read, stderr_read)?,
        script: Arc::new(script.try_clone()?.into()),
    };
    Ok((connection, ShellEnds { lines, statuses, stdout, stderr, script }))
}

/// A session's shell, and the commands that wait for it.
#[derive(Debug)]
pub(super) struct Runner {
    pub(super) session: Arc<Session>,
    pub(super) child: Child,
    pub(super) connection: Connection,
    pub(super) dialect: Dialect,
    pub(super) queue: mpsc::UnboundedReceiver<Arc<Command>>,
}

/// How a command's turn ended.
enum Outcome {
    /// The shell told its status.
    Told(i32),
    /// The shell has exited.
    ShellExited(i32),
}

impl Runner {
    /// Runs commands until the shell exits.
    pub(super) async fn run(mut self) {
        loop {
            let command = tokio::select! {
                command = self.queue.recv() => command,
                _ = self.child.wait() => None,
                () = self.connection.own.discard() => None,
            };
            let Some(command) = command else { break };
            if let Outcome::ShellExited(_) = self.perform(&command).await {
                break;
            }
        }
        // From here on nothing is added to the queue.
        self.session.end();
        while let Ok(command) = self.queue.try_recv() {
            command.end_unrun().await;
        }
        self.session.has_ended.cancel();
    }

    async fn perform(&mut self, command: &Arc<Command>) -> Outcome {
        let Turn { line, streams, stdin, files } = self.prepare(command).await;
        command.begin(stdin).await;
        let mut streams = streams;
        let mut line = line.as_slice();
        let Connection { lines, statuses, own, .. } = &mut self.connection;
        let outcome = loop {
            tokio::select! {
                written = lines.write(line), if !line.is_empty() => {
                    // It fails only when the shell has gone, which its end tells.
                    line = written.map_or(&[], |count| &line[count..]);
                }
                status = statuses.of(command.number) => break Outcome::Told(status),
                status = self.child.wait() => break Outcome::ShellExited(status.code()),
                () = own.pump(&command.log) => {}
                () = pump(&mut streams, &command.log) => {}
            }
        };
        command.take_away_input().await;
        own.drain(&command.log).await;
        if let Some(streams) = &mut streams {
            streams.drain(&command.log).await;
        }
        let (Outcome::Told(exit_code) | Outcome::ShellExited(exit_code)) = outcome;
        command.end(exit_code).await;
        if let Some(files) = files {
            tokio::task::spawn_blocking(move || files.remove());
        }
        if let Some(streams) = streams {
            read_on(streams, Arc::clone(&command.log), self.session.is_gone.clone());
        }
        outcome
    }

    /// Makes what the command needs: files with names if they can be made, else the file in memory. Not
    /// even that can fail but for want of memory; the command then fails with its own words.
    async fn prepare(&self, command: &Arc<Command>) -> Turn {
        let (session, prepared) = (Arc::clone(&self.session), Arc::clone(command));
        let (script, dialect) = (Arc::clone(&self.connection.script), self.dialect);
        let prepared = tokio::task::spawn_blocking(move || {
            let wants_input = prepared.typing != Typing::None;
            let named = session
                .directory
                .as_ref()
                .and_then(|directory| directory.prepare(prepared.number, &prepared.text, wants_input).ok());
            if named.is_none() {
                let text = [dialect.let_go_of_script(), &prepared.text, "\n"].concat();
                let written = script.set_len(0).and_then(|()| script.write_all_at(text.as_bytes(), 0));
                if written.is_err() {
                    let sorry = "echo 'no memory for the command' >&2; exit 126\n";
                    let _ = script.write_all_at(sorry.as_bytes(), 0);
                }
            }
            named
        });
        // A failure of the rest is the daemon's end, or a kernel that takes no more descriptors; then the
        // command's text is not where the shell looks, and the shell says so.
        let ready = prepared.await.ok().flatten().and_then(|prepared| {
            let streams = Streams::new(prepared.stdout, prepared.stderr).ok()?;
            Some((streams, prepared.stdin, prepared.files))
        });
        let Some((streams, stdin, files)) = ready else {
            let line = dialect.run_nameless(command.number);
            return Turn { line, streams: None, stdin: None, files: None };
        };
        let stdin = stdin.and_then(|stdin| pipe::Sender::from_owned_fd(stdin).ok());
        let input = if stdin.is_some() { Input::Pipe } else { Input::None };
        let line = dialect.run(command.number, &files, input);
        Turn { line, streams: Some(streams), stdin, files: Some(files) }
    }
}

/// What one command's turn needs.
struct Turn {
    line: Vec<u8>,
    streams: Option<Streams>,
    stdin: Option<pipe::Sender>,
    files: Option<Files>,
}

/// Never ready without streams.
async fn pump(streams: &mut Option<Streams>, log: &Arc<Log>) {
    match streams {
        Some(streams) => streams.pump(log).await,
        None => std::future::pending().await,
    }
}

/// Goes on reading what processes write that a command has left behind, until none of them holds a pipe or
/// the session is gone.
pub(super) fn read_on(mut streams: Streams, log: Arc<Log>, is_gone: CancellationToken) {
    if !streams.is_open() {
        return;
    }
    tokio::spawn(async move {
        while streams.is_open() {
            tokio::select! {
                () = streams.pump(&log) => {}
                () = is_gone.cancelled() => return,
            }
        }
        log.close().await;
    });
}

/// The pipe on which the shell tells statuses.
#[derive(Debug)]
struct Statuses {
    pipe: pipe::Receiver,
    buffer: Vec<u8>,
}

impl Statuses {
    /// Waits for the status of command `number`; other lines are not looked at. May be cancelled.
    async fn of(&mut self, number: usize) -> i32 {
        loop {
            while let Some(end) = memchr::memchr(b'\n', &self.buffer) {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                if let Some(status) = status(&line[..end], number) {
                    return status;
                }
            }
            if self.buffer.len() > LONGEST_STATUS_LINE {
                self.buffer.clear();
            }
            match self.pipe.read_buf(&mut self.buffer).await {
                Ok(count) if count > 0 => {}
                // Nobody holds it any more. How the shell ends tells the rest.
                _ => std::future::pending().await,
            }
        }
    }
}
