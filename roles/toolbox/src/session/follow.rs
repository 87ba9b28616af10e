//! Logs as they grow, over WebSockets and over HTTP.
//!
//! A follower that reads slowly is behind in the file and nothing else: nobody waits for it, and
//! nothing is queued for it.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header::CONTENT_TYPE;
use tokio_util::sync::CancellationToken;

use super::log::{Log, Reader, Until};
use crate::http::LogForm;
use crate::http::websocket::{Close, Closed, Socket, Sockets, Upgrade};

/// What a follower may say at once, which nobody listens to.
const LONGEST_REMARK: usize = 64 << 10;

/// Binary frames, each beginning with a mark unless the client wants none; then a close with 1000.
pub(super) fn over_socket(
    upgrade: Upgrade,
    sockets: &Sockets,
    log: &Arc<Log>,
    until: Until,
    form: LogForm,
    is_gone: CancellationToken,
) -> Response {
    let reader = Reader::new(log, until);
    upgrade.longest_message(LONGEST_REMARK).accept(sockets, move |mut socket| async move {
        let outcome = send(&mut socket, reader, form, is_gone).await;
        socket.finish(outcome).await;
    })
}

async fn send(
    socket: &mut Socket,
    mut reader: Reader,
    form: LogForm,
    is_gone: CancellationToken,
) -> Result<Close, Closed> {
    loop {
        let piece = tokio::select! {
            piece = next(&mut reader, form, &is_gone) => piece,
            // What clients say here means nothing; that they go away does.
            incoming = socket.receive() => {
                incoming?;
                continue;
            }
        };
        match piece {
            Ok(Some(bytes)) => socket.send_binary(bytes).await?,
            Ok(None) => return Ok(Close::normal()),
            Err(error) => return Ok(Close::new(Close::INTERNAL, error.to_string())),
        }
    }
}

/// A chunked body of the same bytes, which ends when the command has ended.
pub(super) fn over_http(log: &Arc<Log>, form: LogForm, is_gone: CancellationToken) -> Response {
    let reader = Reader::new(log, Until::Finished);
    let body = stream::try_unfold((reader, is_gone), move |(mut reader, is_gone)| async move {
        let bytes = next(&mut reader, form, &is_gone).await?;
        Ok::<_, io::Error>(bytes.map(|bytes| (bytes, (reader, is_gone))))
    });
    ([(CONTENT_TYPE, "application/octet-stream")], Body::from_stream(body)).into_response()
}

/// What comes next. The end of a session ends its commands, and so their logs; all of it is still read, unless
/// the file has been removed before it was opened.
async fn next(reader: &mut Reader, form: LogForm, is_gone: &CancellationToken) -> io::Result<Option<Bytes>> {
    let piece = match form {
        LogForm::Combined => reader.next_combined().await,
        LogForm::Labelled | LogForm::Split => reader.next_labelled().await,
    };
    if piece.is_err() && is_gone.is_cancelled() { Ok(None) } else { piece }
}
