//! A JSON list that is sent while it is being made, so that its length costs no memory.

use std::convert::Infallible;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header;
use serde::Serialize;
use tokio::sync::{Semaphore, mpsc};

/// How much is gathered before it is sent.
const PIECE_BYTES: usize = 32 << 10;
/// How many pieces may wait for a slow reader; then the work waits too.
const PIECES: usize = 4;

/// So many lists are made at once; the pool has four times as many threads.
static LISTS: Semaphore = Semaphore::const_new(8);

/// Nobody reads the list any more: the work may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NobodyReads;

/// Takes the elements of a list one by one.
#[derive(Debug)]
pub(crate) struct Elements {
    piece: Vec<u8>,
    is_first: bool,
    to: mpsc::Sender<Bytes>,
}

impl Elements {
    /// Adds one element. Blocks while the reader is slow.
    pub(crate) fn push(&mut self, element: &impl Serialize) -> Result<(), NobodyReads> {
        if !std::mem::take(&mut self.is_first) {
            self.piece.push(b',');
        }
        // Every element is made of texts and numbers, which are always JSON.
        let _infallible = serde_json::to_writer(&mut self.piece, element);
        if self.piece.len() < PIECE_BYTES {
            return Ok(());
        }
        self.send()
    }

    /// Whether anybody still reads. To be asked by work that may go on for long without an element.
    pub(crate) fn check(&self) -> Result<(), NobodyReads> {
        if self.to.is_closed() { Err(NobodyReads) } else { Ok(()) }
    }

    fn send(&mut self) -> Result<(), NobodyReads> {
        let piece = Bytes::from(std::mem::take(&mut self.piece));
        self.to.blocking_send(piece).map_err(|_| NobodyReads)
    }
}

/// Answers 200 with `before`, the elements that `work` pushes, in brackets, and `after`. The work runs on the pool
/// and is told when nobody reads; it does not fail, since by then the answer has begun.
pub(crate) fn json_list(
    before: &'static str,
    after: &'static str,
    work: impl FnOnce(&mut Elements) -> Result<(), NobodyReads> + Send + 'static,
) -> Response {
    let (to, from) = mpsc::channel(PIECES);
    tokio::spawn(async move {
        // A slow reader holds a thread of the pool; others need some too.
        let Ok(_turn) = LISTS.acquire().await else { return };
        let _ = tokio::task::spawn_blocking(move || make(before, after, to, work)).await;
    });
    let pieces = stream::unfold(from, |mut from| async move {
        let piece = from.recv().await?;
        Some((Ok::<_, Infallible>(piece), from))
    });
    ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(pieces)).into_response()
}

fn make(
    before: &str,
    after: &str,
    to: mpsc::Sender<Bytes>,
    work: impl FnOnce(&mut Elements) -> Result<(), NobodyReads>,
) {
    let mut elements = Elements { piece: format!("{before}[").into_bytes(), is_first: true, to };
    if work(&mut elements).is_ok() {
        elements.piece.extend_from_slice(b"]");
        elements.piece.extend_from_slice(after.as_bytes());
        let _ = elements.send();
    }
}
