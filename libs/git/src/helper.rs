//! The process: one call from standard input, one answer on the inherited descriptor.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{FromRawFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use paddock_wire_toolbox::{GitCall, GitOperation, Secret};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use crate::answer::Sink;
use crate::failure::Failure;
use crate::op;
use crate::redact::Redaction;

/// The descriptor on which the daemon listens; it is the one that its programs inherit.
const ANSWER: RawFd = 9;

/// Does one operation and answers. Must be called first thing in a process that does nothing else.
///
/// Exits with 0 if the answer is whole, whether it tells of a success or a failure.
#[must_use]
pub fn run() -> ExitCode {
    // It holds credentials, which other processes of its user must not read out of it.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let mut sink = Sink::new(answer_file());
    let sent = match read_call() {
        Ok(call) => {
            let redaction = Redaction::new(secrets(&call.operation));
            let outcome = catch_unwind(AssertUnwindSafe(|| op::run(call))).unwrap_or_else(|_| {
                Err(Failure::internal("a defect in the git helper, see the toolbox's log"))
            });
            sink.send(outcome.map_err(|failure| Failure {
                code: failure.code,
                message: redaction.apply(&failure.message),
            }))
        }
        Err(error) => {
            sink.send(Err(Failure::internal(format!("the git helper was not called rightly: {error}"))))
        }
    };
    match sent {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn read_call() -> io::Result<GitCall> {
    let mut text = Vec::new();
    io::stdin().lock().read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

#[expect(unsafe_code, reason = "a descriptor that was inherited is only a number")]
fn answer_file() -> File {
    // SAFETY: nothing in this process has opened a descriptor yet, so whatever has this number was
    // inherited and has no other owner. If nothing has, the first write fails.
    let file = unsafe { File::from_raw_fd(ANSWER) };
    // Programs that are started here must not hold it open. Fails only where nothing is open.
    let _ = rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::CLOEXEC);
    file
}

/// What no message may contain.
fn secrets(operation: &GitOperation) -> Vec<&str> {
    match operation {
        GitOperation::Clone(request) => texts([request.username.as_ref(), request.password.as_ref()]),
        GitOperation::Push(request) => texts([request.username.as_ref(), request.password.as_ref()]),
        GitOperation::Pull(request) => texts([request.username.as_ref(), request.password.as_ref()]),
        GitOperation::StoreCredentials(request) => texts([Some(&request.username), Some(&request.password)]),
        _ => Vec::new(),
    }
}

fn texts(secrets: [Option<&Secret>; 2]) -> Vec<&str> {
    secrets.into_iter().flatten().map(|secret| secret.0.as_str()).collect()
}
