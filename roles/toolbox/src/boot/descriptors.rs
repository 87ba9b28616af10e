//! The two descriptors that the runner hands to PID 1.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;

use paddock_wire_toolbox::Startup;
use rustix::fs::{FileType, fstat};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::sockopt::socket_acceptconn;

use super::StartError;

/// The listening socket.
const SOCKET: RawFd = 3;

/// The write end of a pipe for one line of JSON.
const REPORT: RawFd = 4;

/// What the runner has handed over. Neither is inherited by any child.
#[derive(Debug)]
pub(super) struct Descriptors {
    pub(super) socket: UnixListener,
    pub(super) report: Report,
}

/// Where the daemon tells once how its start went.
#[derive(Debug)]
pub(super) struct Report(File);

impl Descriptors {
    /// Takes both. To be called once, before anything else opens a descriptor.
    pub(super) fn take() -> Result<Self, (StartError, Option<Report>)> {
        // First, so that a wrong socket can be told.
        let report =
            take(REPORT, "a pipe").map_err(|error| (error, None)).map(|fd| Report(File::from(fd)))?;
        let socket = take(SOCKET, "a listening socket").and_then(|fd| {
            let wrong =
                |source| StartError::Descriptor { number: SOCKET, expected: "a listening socket", source };
            match socket_acceptconn(&fd) {
                Ok(true) => {}
                Ok(false) => return Err(wrong(io::Error::from(io::ErrorKind::InvalidInput))),
                Err(error) => return Err(wrong(error.into())),
            }
            let socket = UnixListener::from(fd);
            socket.set_nonblocking(true).map_err(wrong)?;
            Ok(socket)
        });
        match socket {
            Ok(socket) => Ok(Self { socket, report }),
            Err(error) => Err((error, Some(report))),
        }
    }
}

impl Report {
    /// Writes the line and closes the pipe. A runner that does not listen any more is its own affair.
    pub(super) fn send(mut self, startup: &Startup) {
        if let Ok(mut line) = serde_json::to_vec(startup) {
            line.push(b'\n');
            let _ = self.0.write_all(&line);
        }
    }
}

/// Takes ownership of a descriptor that this process was started with.
#[expect(unsafe_code, reason = "a descriptor that was inherited is only a number")]
fn take(number: RawFd, expected: &'static str) -> Result<OwnedFd, StartError> {
    // SAFETY: nothing in this process has opened a descriptor yet, so whatever has this number was
    // inherited and has no other owner. If nothing has, the first use says so and forgets it.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    let known = fstat(&fd).and_then(|stat| {
        let kind = FileType::from_raw_mode(stat.st_mode);
        let is_right = if number == SOCKET { kind == FileType::Socket } else { kind != FileType::Directory };
        if is_right { fcntl_setfd(&fd, FdFlags::CLOEXEC) } else { Err(rustix::io::Errno::INVAL) }
    });
    match known {
        Ok(()) => Ok(fd),
        Err(error) => {
            // It must not be closed as ours if it is not open.
            let _ = fd.into_raw_fd();
            Err(StartError::Descriptor { number, expected, source: error.into() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_one_line_and_the_end_of_the_pipe() {
        let (read, write) = rustix::pipe::pipe().unwrap();
        Report(File::from(write)).send(&Startup::Ready { version: "0.1.0".to_owned() });
        let mut text = String::new();
        io::Read::read_to_string(&mut File::from(read), &mut text).unwrap();
        assert_eq!(text, "{\"ready\":{\"version\":\"0.1.0\"}}\n");
    }

    #[test]
    fn a_number_that_is_not_open_is_an_error() {
        let error = take(100_000, "a pipe").unwrap_err();
        assert_eq!(error.to_string(), "descriptor 100000 is not a pipe");
    }
}
