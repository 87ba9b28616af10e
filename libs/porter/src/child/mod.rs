//! The porters' side: what a program becomes when a [`crate::Porter`] starts it.
//!
//! Descriptors, as [`crate::Porter`] hands them over: 0 and 1 the pipe between the halves, [`DIRECTORY`] the tree,
//! [`SAYS`] where lines go, [`ERRAND`] where the carrier hears what to do, and later whether the packer is done.

mod carrier;
mod confine;
mod decompress;
mod packer;

use std::fs::File;
use std::io::Write;
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::ExitCode;

use crate::said::{Failure, Said};

pub(crate) const DIRECTORY: i32 = 3;
pub(crate) const SAYS: i32 = 4;
pub(crate) const ERRAND: i32 = 5;

/// Runs one half, named by `arguments` as [`crate::Porter`] does. Before anything else in `main`: with one thread, and
/// without anything read or opened.
pub fn run(arguments: &[String]) -> ExitCode {
    let says = File::from(take(SAYS));
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["pack", form] => packer::pack(take(DIRECTORY), form),
        ["unpack", form, members, bytes] => packer::unpack(take(DIRECTORY), form, members, bytes),
        ["carry"] => carrier::carry(File::from(take(ERRAND)), &says),
        _ => return ExitCode::from(2),
    };
    let (line, code) = match done {
        Ok(said) => (said, ExitCode::SUCCESS),
        Err(failure) => (Said::Failed(failure), ExitCode::FAILURE),
    };
    // Nobody is left to tell of a failure to tell.
    let _ = say(&says, &line);
    code
}

fn say(mut says: &File, said: &Said) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(said)?;
    line.push(b'\n');
    says.write_all(&line)
}

type Done = Result<Said, Failure>;

/// The descriptor that was handed over by number.
fn take(number: i32) -> OwnedFd {
    #[expect(unsafe_code, reason = "descriptors come by number from whoever started us")]
    // SAFETY: the porter put it there, each is taken once, and nobody else in this process owns it.
    unsafe {
        OwnedFd::from_raw_fd(number)
    }
}
