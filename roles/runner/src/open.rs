//! Hands out connected sockets to the inside of sandboxes, so that the runner neither reads nor copies a
//! byte of what guests say.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use paddock_wire_runner::{Observed, OpenAnswer, OpenRequest, OpenTarget};
use tokio::io::Interest;
use tokio::net::unix::SocketAddr;
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use crate::Context;
use crate::sandbox;

/// A request is one line of JSON and no longer than this.
const REQUEST_LIMIT: usize = 512;

/// A listener that speaks to root and to the front's user alone.
pub(crate) struct PeerChecked {
    pub(crate) listener: UnixListener,
    pub(crate) front_uid: u32,
}

impl PeerChecked {
    async fn next(&self) -> (UnixStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => match stream.peer_cred() {
                    Ok(peer) if peer.uid() == 0 || peer.uid() == self.front_uid => return (stream, address),
                    Ok(peer) => tracing::warn!(uid = peer.uid(), "a stranger knocked at the runner's socket"),
                    Err(error) => tracing::warn!(%error, "a nameless peer at the runner's socket"),
                },
                Err(error) => {
                    tracing::warn!(%error, "could not accept");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    }
}

impl axum::serve::Listener for PeerChecked {
    type Io = UnixStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (UnixStream, SocketAddr) {
        self.next().await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Serves `listener` until `shutdown`.
pub(crate) async fn serve(listener: UnixListener, context: Arc<Context>, shutdown: CancellationToken) {
    let listener = PeerChecked { listener, front_uid: context.config.front_uid };
    loop {
        let stream = tokio::select! {
            (stream, _) = listener.next() => stream,
            () = shutdown.cancelled() => return,
        };
        let (context, shutdown) = (Arc::clone(&context), shutdown.clone());
        tokio::spawn(async move {
            let result = tokio::select! {
                result = converse(&stream, &context) => result,
                () = shutdown.cancelled() => Ok(()),
            };
            if let Err(error) = result {
                tracing::debug!(%error, "a conversation about opening ended");
            }
        });
    }
}

/// Answers requests until the other side closes or makes no sense.
async fn converse(stream: &UnixStream, context: &Context) -> io::Result<()> {
    let mut pending = Vec::new();
    loop {
        while let Some(end) = pending.iter().position(|&byte| byte == b'\n') {
            let request: OpenRequest = serde_json::from_slice(&pending[..end])?;
            pending.drain(..=end);
            let (answer, opened) = open(context, request).await;
            let mut line = serde_json::to_vec(&answer)?;
            line.push(b'\n');
            send(stream, &line, opened.as_ref()).await?;
        }
        if pending.len() > REQUEST_LIMIT {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut chunk = [0; REQUEST_LIMIT];
        stream.readable().await?;
        match stream.try_read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(count) => pending.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

async fn send(stream: &UnixStream, line: &[u8], opened: Option<&UnixStream>) -> io::Result<()> {
    // The line is far smaller than a socket's buffer: it goes out whole, or the peer does not read.
    let sent = stream
        .async_io(Interest::WRITABLE, || {
            paddock_sys::fd::send_with(stream.as_fd(), line, opened.map(AsFd::as_fd))
        })
        .await?;
    if sent == line.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

async fn open(context: &Context, request: OpenRequest) -> (OpenAnswer, Option<UnixStream>) {
    let OpenTarget::Toolbox = request.target;
    if !context.hub.get(request.id).is_some_and(|known| known.state == Observed::Started) {
        return (OpenAnswer::NotRunning, None);
    }
    match sandbox::connect_toolbox(&context.config, request.id).await {
        Ok(stream) => (OpenAnswer::Opened, Some(stream)),
        Err(error) => {
            tracing::warn!(sandbox.id = %request.id, %error, "a toolbox does not accept");
            (OpenAnswer::Unreachable, None)
        }
    }
}
