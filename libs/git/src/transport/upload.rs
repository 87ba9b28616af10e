//! A request whose body is sent while it is being made.
//!
//! The library pushes bytes and the HTTP client pulls them, so the client runs on a thread of its own
//! and the two meet in a channel of bounded length.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use ureq::http::Response;
use ureq::typestate::WithBody;
use ureq::{Body, RequestBuilder, SendBody};

/// How many pieces may wait. The library makes them of 8 to 64 KiB.
const WAITING_PIECES: usize = 16;

/// A request under way.
pub(super) struct Upload {
    pieces: SyncSender<Vec<u8>>,
    sending: JoinHandle<Result<Response<Body>, ureq::Error>>,
}

impl Upload {
    /// Sends the head and `first`.
    pub(super) fn start(request: RequestBuilder<WithBody>, first: Vec<u8>) -> io::Result<Self> {
        let (pieces, incoming) = sync_channel(WAITING_PIECES);
        let sending = std::thread::Builder::new().spawn(move || {
            let mut body = Incoming { pieces: incoming, piece: first, read: 0 };
            request.send(SendBody::from_reader(&mut body))
        })?;
        Ok(Self { pieces, sending })
    }

    /// Adds bytes. False if nobody takes them any more: then [`Upload::finish`] says why.
    pub(super) fn push(&self, bytes: &[u8]) -> bool {
        self.pieces.send(bytes.to_vec()).is_ok()
    }

    /// Ends the body and waits for the answer's head.
    pub(super) fn finish(self) -> Result<Response<Body>, ureq::Error> {
        drop(self.pieces);
        self.sending.join().unwrap_or_else(|_| Err(io::Error::other("the upload has failed").into()))
    }
}

/// The pieces as one stream.
struct Incoming {
    pieces: Receiver<Vec<u8>>,
    piece: Vec<u8>,
    read: usize,
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.piece.len() {
            match self.pieces.recv() {
                Ok(piece) => (self.piece, self.read) = (piece, 0),
                Err(_) => return Ok(0),
            }
        }
        let count = (&self.piece[self.read..]).read(buffer)?;
        self.read += count;
        Ok(count)
    }
}
