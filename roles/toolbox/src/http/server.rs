//! Accepting connections and serving HTTP/1.1 on each.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::router::router;
use crate::toolbox::Shared;

/// How long a connection may take to send a request's head, idle time before it included. The
/// reference's is 70 s for an idle connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(70);

/// How long to wait after an accept that failed for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Where requests come from. Must listen already and be non-blocking.
#[derive(Debug)]
pub enum Listener {
    /// The runner's socket, or one for development.
    Unix(UnixListener),
    /// For development only: it has no authentication.
    Tcp(TcpListener),
}

/// A server that accepts.
#[derive(Debug)]
pub(crate) struct Server {
    /// Dropped or changed: stop.
    stop: watch::Sender<bool>,
    connections: TaskTracker,
}

impl Server {
    /// Starts to accept. Must be called inside a runtime.
    pub(crate) fn start(listener: Listener, shared: Arc<Shared>) -> io::Result<Self> {
        let router = router(shared);
        let (stop, stopping) = watch::channel(false);
        let connections = TaskTracker::new();
        let tracker = connections.clone();
        tokio::spawn(async move {
            let mut stopped = stopping.clone();
            loop {
                tokio::select! {
                    () = accept(&listener, &router, &stopping, &tracker) => {}
                    _ = stopped.changed() => return,
                }
            }
        });
        Ok(Self { stop, connections })
    }

    /// Stops accepting and waits until every request under way has been answered.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        self.connections.close();
        self.connections.wait().await;
    }
}

/// Accepts one connection and serves it in a task.
async fn accept(
    listener: &Listener,
    router: &Router,
    stopping: &watch::Receiver<bool>,
    connections: &TaskTracker,
) {
    let (router, stopping) = (router.clone(), stopping.clone());
    let accepted = match listener {
        Listener::Unix(listener) => listener.accept().await.map(|(stream, _)| {
            connections.spawn(serve(stream, router, stopping));
        }),
        Listener::Tcp(listener) => listener.accept().await.map(|(stream, _)| {
            // Fails only on a socket that is gone already.
            let _ = stream.set_nodelay(true);
            connections.spawn(serve(stream, router, stopping));
        }),
    };
    if accepted.is_err() {
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

/// Serves one connection to its end.
async fn serve<S>(stream: S, router: Router, mut stopping: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    let mut connection = pin!(connection);
    let mut is_stopping = false;
    loop {
        tokio::select! {
            // A connection that breaks is its client's affair.
            _ended = &mut connection => return,
            _ = stopping.changed(), if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}
