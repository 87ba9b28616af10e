//! `git://`: one connection, both ways, after a line that names the repository.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream};

use super::Shared;
use super::resolve;
use crate::failure::Failure;
use crate::url::{Parts, decode};

const PORT: u16 = 9418;

/// How long one address may take to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// The sub-transport of one remote.
pub(super) struct Daemon {
    shared: Arc<Shared>,
    /// Made by the first action and used by the second.
    connection: Mutex<Option<TcpStream>>,
}

impl Daemon {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, connection: Mutex::new(None) }
    }

    fn connect(&self, url: &str, service: &str) -> Result<Connection, Failure> {
        let parts = Parts::of(url)
            .filter(|parts| !parts.authority.is_empty() && parts.path.len() > 1)
            .ok_or_else(|| Failure::bad_request(format!("not a URL of a repository: {url}")))?;
        let (host, port) = parts.host_and_port();
        let path = decode(parts.path);
        if path.contains(['\0', '\n']) {
            return Err(Failure::bad_request("the repository's path has a line break or NUL in it"));
        }
        let addresses = resolve::resolve(host, port.unwrap_or(PORT)).map_err(Failure::transport)?;
        let mut last = None;
        for address in addresses {
            match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
                Ok(stream) => {
                    let failed = |error: io::Error| Failure::transport(format!("{host}: {error}"));
                    let request = format!("{service} {path}\0host={}\0", parts.authority);
                    let line = format!("{:04x}{request}", request.len() + 4);
                    (&stream).write_all(line.as_bytes()).map_err(failed)?;
                    let kept = stream.try_clone().map_err(failed)?;
                    *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
                    return Ok(Connection { stream, shared: Arc::clone(&self.shared) });
                }
                Err(error) => last = Some(error),
            }
        }
        let why = last.map_or_else(|| "no address".to_owned(), |error| error.to_string());
        Err(Failure::transport(format!("failed to connect to {host}: {why}")))
    }

    fn again(&self) -> Result<Connection, Failure> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let stream = connection.as_ref().and_then(|stream| stream.try_clone().ok());
        stream
            .map(|stream| Connection { stream, shared: Arc::clone(&self.shared) })
            .ok_or_else(|| Failure::internal("a request before the connection"))
    }
}

impl SmartSubtransport for Daemon {
    fn action(&self, url: &str, action: Service) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        let connection = match action {
            Service::UploadPackLs => self.connect(url, "git-upload-pack"),
            Service::ReceivePackLs => self.connect(url, "git-receive-pack"),
            Service::UploadPack | Service::ReceivePack => self.again(),
        };
        match connection {
            Ok(connection) => Ok(Box::new(connection)),
            Err(failure) => Err(self.shared.failed(failure)),
        }
    }

    fn close(&self) -> Result<(), git2::Error> {
        if let Some(stream) = self.connection.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // It may have been closed from the other side.
            let _ = stream.shutdown(Shutdown::Both);
        }
        Ok(())
    }
}

struct Connection {
    stream: TcpStream,
    shared: Arc<Shared>,
}

impl Connection {
    fn failed(&self, error: io::Error) -> io::Error {
        self.shared.note(Failure::transport(format!("the remote end hung up: {error}")));
        error
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer).map_err(|error| self.failed(error))
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes).map_err(|error| self.failed(error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
