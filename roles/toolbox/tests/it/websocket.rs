//! A WebSocket client of another library, for tests that read and write one message at a time.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::{self, HandshakeError, Message, WebSocket};

use crate::stream::Stream;

/// Longer than anything that a test waits for.
const DEADLINE: Duration = Duration::from_secs(30);

/// An open socket, or one that the server has closed.
pub(crate) struct Socket {
    inner: WebSocket<Stream>,
    response: Response,
}

/// What came before the end, and the end.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    pub(crate) binary: Vec<Vec<u8>>,
    pub(crate) texts: Vec<String>,
    /// `None` if the connection ended without a close.
    pub(crate) code: Option<u16>,
    pub(crate) reason: String,
}

impl Ended {
    /// All binary messages as one.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.binary.concat()
    }
}

impl Socket {
    /// Connects. The error is the status of an answer that is no upgrade, and its body.
    pub(crate) fn connect(
        socket: &Path,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, (u16, String)> {
        let stream = Stream::connect(socket, DEADLINE);
        let mut request = format!("ws://toolbox{target}").into_client_request().unwrap();
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        match tungstenite::client(request, stream) {
            Ok((inner, response)) => Ok(Self { inner, response }),
            Err(HandshakeError::Failure(tungstenite::Error::Http(response))) => {
                let body = response.body().as_deref().unwrap_or_default();
                Err((response.status().as_u16(), String::from_utf8_lossy(body).into_owned()))
            }
            Err(error) => panic!("the handshake failed: {error}"),
        }
    }

    /// The subprotocol of the answer.
    pub(crate) fn protocol(&self) -> Option<&str> {
        self.response.headers().get("sec-websocket-protocol").map(|value| value.to_str().unwrap())
    }

    pub(crate) fn send(&mut self, message: Message) {
        self.inner.send(message).unwrap();
    }

    /// Types at a terminal.
    pub(crate) fn send_binary(&mut self, bytes: &[u8]) {
        self.send(Message::binary(bytes.to_vec()));
    }

    /// As [`Socket::send_binary`], where the server may not take it.
    pub(crate) fn try_send_binary(&mut self, bytes: &[u8]) -> Result<(), tungstenite::Error> {
        self.inner.send(Message::binary(bytes.to_vec()))
    }

    /// The next message that is not about the connection; a close is one.
    pub(crate) fn next(&mut self) -> Result<Message, tungstenite::Error> {
        loop {
            match self.inner.read()? {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return Ok(message),
            }
        }
    }

    /// The next message, which has to be text, as JSON.
    #[track_caller]
    pub(crate) fn control(&mut self) -> serde_json::Value {
        match self.next().unwrap() {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("not text: {other:?}"),
        }
    }

    /// Reads binary messages until all that has come holds `wanted`, and gives it back.
    #[track_caller]
    pub(crate) fn read_until(&mut self, wanted: &str) -> String {
        let mut all = Vec::new();
        loop {
            match self.next().unwrap() {
                Message::Binary(bytes) => all.extend_from_slice(&bytes),
                other => panic!("{other:?} before {wanted:?}, after {:?}", String::from_utf8_lossy(&all)),
            }
            if memchr::memmem::find(&all, wanted.as_bytes()).is_some() {
                return String::from_utf8_lossy(&all).into_owned();
            }
        }
    }

    /// Reads to the end, and answers the server's close.
    pub(crate) fn finish(mut self) -> Ended {
        let mut ended = Ended::default();
        loop {
            match self.next() {
                Ok(Message::Binary(bytes)) => ended.binary.push(bytes.to_vec()),
                Ok(Message::Text(text)) => ended.texts.push(text.to_string()),
                Ok(Message::Close(Some(frame))) => {
                    ended.code = Some(frame.code.into());
                    ended.reason = frame.reason.to_string();
                }
                Ok(_) => {}
                Err(_) => return ended,
            }
        }
    }

    /// The connection itself, to be cut or not read.
    pub(crate) fn stream(&self) -> &UnixStream {
        self.inner.get_ref().as_unix()
    }
}
