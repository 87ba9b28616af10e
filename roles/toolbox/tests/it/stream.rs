//! A connection to the toolbox in this process.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A stream whose waiting no signal ends: the toolbox is in this process and hears of its children by SIGCHLD, and
/// the kernel does not go on by itself with a read that has a deadline (signal(7)).
#[derive(Debug)]
pub(crate) struct Stream(UnixStream);

impl Stream {
    /// Connects. No read and no write waits longer than `deadline`.
    pub(crate) fn connect(socket: &Path, deadline: Duration) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(deadline)).unwrap();
        stream.set_write_timeout(Some(deadline)).unwrap();
        Self(stream)
    }

    /// The connection itself, to be cut or not read.
    pub(crate) fn as_unix(&self) -> &UnixStream {
        &self.0
    }
}

fn uninterrupted<T>(mut operation: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match operation() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| self.0.read(buffer))
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        uninterrupted(|| self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
