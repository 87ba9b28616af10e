//! `GET /socket.io/`: the event stream, Socket.IO v4 over Engine.IO v4 on a WebSocket.
//!
//! The upgrade needs no credential: the key comes in the CONNECT packet ([`packet`]). [`session`] is the life
//! of one socket, [`hub`] knows all of them and is where events come in, [`queue`] bounds what one may
//! leave unread, [`body`] makes the frames. There is no long polling: no client needs it.

mod body;
pub(crate) mod hub;
mod packet;
mod queue;
mod session;

use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use paddock_wire_control::Query;

use crate::app::{App, Error};
use crate::http::read::Addresses;
use hub::Hub;
use session::Session;

/// The read buffer of each socket: clients send next to nothing.
const READ_BUFFER_BYTES: usize = 1 << 10;

/// Opens an event stream.
///
/// # Errors
/// 400 for anything but Engine.IO 4 on a WebSocket, 503 when there are as many sockets as there may be.
pub(super) async fn connect(
    State(app): State<App>,
    Extension(hub): Extension<Arc<Hub>>,
    Addresses(urls): Addresses,
    RawQuery(query): RawQuery,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Error> {
    let query = Query::parse(query.as_deref());
    let (version, transport) = (query.text("EIO"), query.text("transport"));
    if version.as_deref() != Some("4") {
        return Err(Error::Invalid("EIO must be 4".to_owned()));
    }
    if transport.as_deref() != Some("websocket") {
        return Err(Error::Invalid("transport must be websocket".to_owned()));
    }
    let upgrade = upgrade.map_err(|refused| Error::Invalid(refused.body_text()))?;
    let place = hub.take_place().ok_or_else(|| Error::Full("too many event streams are open".to_owned()))?;
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        // Every frame goes out at once.
        .write_buffer_size(0)
        .max_message_size(packet::LONGEST_MESSAGE)
        .max_frame_size(packet::LONGEST_MESSAGE);
    Ok(upgrade.on_upgrade(move |socket| async move {
        Session { app, hub, urls, socket }.serve().await;
        drop(place);
    }))
}
