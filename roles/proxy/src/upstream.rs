//! Connections to toolboxes, kept open between requests.

use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use paddock_client::Door;
use paddock_types::SandboxId;
use paddock_wire_runner::OpenTarget;
use tokio::net::UnixStream;

use crate::route::Service;
use crate::tunnel;

/// A sandbox, and whether its toolbox is meant: strangers who fill a public port leave the toolbox to its owner.
type Who = (SandboxId, bool);

/// Requests that one sandbox's toolbox may have open, and as many its ports together; each may hold memory here and a thread of its own there.
const PER_SANDBOX: u32 = 1024;
/// A toolbox closes after 70 s of silence (`spec/toolbox.md` 1.8); ours are given up before.
const IDLE: Duration = Duration::from_secs(55);
/// The largest head of a response: a guest decides what is in it.
const HEAD_LIMIT: usize = 64 << 10;

/// The connections of all sandboxes.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) client: Client<Connector, Body>,
    open: Arc<Mutex<HashMap<Who, u32>>>,
}

impl Upstream {
    pub(crate) fn new(open_socket: PathBuf) -> Self {
        let connector = Connector(Arc::new(Door::new(open_socket)));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(32)
            .http1_max_buf_size(HEAD_LIMIT)
            .http1_preserve_header_case(true)
            .set_host(false)
            .build(connector);
        Self { client, open: Arc::default() }
    }

    /// A place among the sandbox's open requests; `None` when all are taken.
    pub(crate) fn enter(&self, id: SandboxId, service: Service) -> Option<Turn> {
        let who = (id, service == Service::Toolbox);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(who).or_default();
        if *count >= PER_SANDBOX {
            return None;
        }
        *count += 1;
        Some(Turn { open: Arc::clone(&self.open), who })
    }
}

/// One open request.
#[derive(Debug)]
pub(crate) struct Turn {
    open: Arc<Mutex<HashMap<Who, u32>>>,
    who: Who,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.who) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.who);
            }
        }
    }
}

/// Opens connections: the host of the address is the sandbox's id.
#[derive(Debug, Clone)]
pub(crate) struct Connector(Arc<Door>);

impl tower::Service<Uri> for Connector {
    type Response = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let door = Arc::clone(&self.0);
        Box::pin(async move {
            let id: SandboxId = uri.host().unwrap_or_default().parse().map_err(io::Error::other)?;
            let stream = door.open(id, OpenTarget::Toolbox).await.map_err(io::Error::other)?;
            let stream = match uri.port_u16() {
                None => stream,
                Some(port) => tunnel::through(stream, port).await?,
            };
            Ok(Stream(TokioIo::new(stream)))
        })
    }
}

/// Whether a request failed because nothing listens on the port that was asked for.
pub(crate) fn is_closed_port(error: &hyper_util::client::legacy::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == tunnel::CLOSED) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// A connection to a toolbox, or through it to a port.
#[derive(Debug)]
pub(crate) struct Stream(TokioIo<UnixStream>);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, buffers)
    }
}
