//! A WebSocket client that sends the headers it is given and no others.

use std::net::TcpStream;
use std::time::Duration;

use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderName;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

/// Longer than anything that a test waits for.
const DEADLINE: Duration = Duration::from_secs(60);

/// An open socket.
#[derive(Debug)]
pub struct Socket {
    inner: WebSocket<TcpStream>,
    /// The subprotocol that the server chose.
    pub protocol: Option<String>,
}

/// All that came, and the end.
#[derive(Debug, Default)]
pub struct Ended {
    /// Each binary message.
    pub binary: Vec<Vec<u8>>,
    /// Each text message.
    pub texts: Vec<String>,
    /// The close code; `None` if the connection ended without.
    pub code: Option<u16>,
    /// What was said with it.
    pub reason: String,
}

impl Socket {
    /// Connects to `url`, which begins with `http://` or `ws://`; a `host` among the headers replaces the address's own.
    #[track_caller]
    pub fn connect(url: &str, headers: &[(&str, &str)]) -> Self {
        let url = url.replacen("http://", "ws://", 1);
        let mut request = url.into_client_request().unwrap();
        let authority = request.uri().authority().unwrap().to_string();
        for (name, value) in headers {
            request.headers_mut().insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let stream = TcpStream::connect(authority).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        let (inner, response) = match tungstenite::client(request, stream) {
            Ok(connected) => connected,
            Err(error) => panic!("no socket: {error}"),
        };
        let protocol = response.headers().get("sec-websocket-protocol");
        Self { inner, protocol: protocol.map(|value| value.to_str().unwrap().to_owned()) }
    }

    /// Sends binary.
    pub fn send(&mut self, bytes: &[u8]) {
        self.inner.send(Message::binary(bytes.to_vec())).unwrap();
    }

    /// Sends text.
    pub fn send_text(&mut self, text: &str) {
        self.inner.send(Message::text(text)).unwrap();
    }

    /// The next message that is not about the connection.
    #[track_caller]
    pub fn receive(&mut self) -> Message {
        loop {
            match self.inner.read().unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    /// Reads to the end.
    pub fn finish(mut self) -> Ended {
        let mut ended = Ended::default();
        loop {
            match self.inner.read() {
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
}
