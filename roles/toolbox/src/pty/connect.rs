//! The two ways to a terminal's socket.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;

use super::attach::{attach, refuse};
use super::options::Options;
use super::session::Session;
use crate::http::websocket::{Close, Closed, Offered, Socket, Upgrade};
use crate::http::{ApiError, Query};
use crate::toolbox::Shared;

/// `GET /process/pty/{id}/connect`: to a terminal that is there. That it is not is told after the upgrade,
/// as clients expect.
pub(crate) async fn connect(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    upgrade: Upgrade,
) -> Response {
    let offered = upgrade.offered();
    let sockets = shared.sockets.clone();
    upgrade.accept(&sockets, move |mut socket| async move {
        let outcome = match shared.terminals.get(&id) {
            Ok(session) => serve(&mut socket, &session, &offered, &shared).await,
            Err(error) => refuse(&mut socket, error.message(), Close::POLICY).await,
        };
        socket.finish(outcome).await;
    })
}

/// `GET /process/pty/create-connect`: to a new terminal, which starts once the socket is open.
pub(crate) async fn create_connect(
    State(shared): State<Arc<Shared>>,
    query: Query,
    upgrade: Upgrade,
) -> Result<Response, ApiError> {
    let offered = upgrade.offered();
    let options = Options::of_query(&query, &offered, &shared)?;
    let created = Created { session: shared.terminals.create(options)?, shared: Arc::clone(&shared) };
    Ok(upgrade.accept(&shared.sockets, move |mut socket| async move {
        let outcome = serve(&mut socket, &created.session, &offered, &created.shared).await;
        socket.finish(outcome).await;
    }))
}

/// A terminal that was made for a socket. If that socket never comes about, it goes.
struct Created {
    session: Arc<Session>,
    shared: Arc<Shared>,
}

impl Drop for Created {
    fn drop(&mut self) {
        if !self.session.has_started() {
            self.shared.terminals.remove(&self.session);
        }
    }
}

async fn serve(
    socket: &mut Socket,
    session: &Arc<Session>,
    offered: &Offered,
    shared: &Arc<Shared>,
) -> Result<Close, Closed> {
    // Attached before the start, so that its first output is not missed.
    let outbox = session.attach();
    if let Err(error) = session.start(shared).await {
        shared.terminals.remove(session);
        let error = format!("could not start the terminal: {error}");
        return refuse(socket, error, Close::INTERNAL).await;
    }
    attach(socket, session, &outbox, offered).await
}
