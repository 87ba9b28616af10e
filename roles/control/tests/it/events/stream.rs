//! A raw client of the event stream.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use paddock_testkit::PATIENCE;
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

/// An open socket.
pub(crate) struct Stream {
    pub(crate) socket: WebSocketStream<TcpStream>,
    /// How many heartbeats were answered.
    pub(crate) beats: usize,
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) payload: Value,
}

/// How a socket ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct End {
    /// The code of the closing frame; `None` if there was none.
    pub(crate) code: Option<u16>,
    /// What came before that was no heartbeat.
    pub(crate) texts: Vec<String>,
}

impl Event {
    /// The id of the object that it is about.
    pub(crate) fn id(&self) -> &str {
        let object = ["sandbox", "snapshot", "volume"].iter().find_map(|key| {
            // In a sandbox itself `snapshot` is a name.
            self.payload.get(key).filter(|object| object.is_object())
        });
        object.unwrap_or(&self.payload)["id"].as_str().unwrap()
    }

    /// The name with the two states that it says, for state events: `state: creating>started`.
    pub(crate) fn brief(&self) -> String {
        let say = |old: &str, new: &str| {
            let text = |key: &str| self.payload[key].as_str().unwrap().to_owned();
            format!("{}>{}", text(old), text(new))
        };
        match self.name.as_str() {
            "sandbox.state.updated" | "volume.state.updated" => {
                format!("state {}", say("oldState", "newState"))
            }
            "sandbox.desired-state.updated" => {
                format!("desired {}", say("oldDesiredState", "newDesiredState"))
            }
            other => other.to_owned(),
        }
    }
}

impl Stream {
    /// Opens a socket and takes the greeting.
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        Self::open_on(socket.connect(address).await.unwrap(), address).await
    }

    /// The same on a connection of the test's making.
    pub(crate) async fn open_on(stream: TcpStream, address: SocketAddr) -> Self {
        let socket = upgrade(stream, address, "EIO=4&transport=websocket&source=test").await.unwrap();
        let mut stream = Self { socket, beats: 0 };
        let greeting = stream.text().await;
        let greeting: Value = serde_json::from_str(greeting.strip_prefix('0').unwrap()).unwrap();
        assert!(
            !greeting["sid"].as_str().unwrap().is_empty() && greeting["upgrades"] == json!([]),
            "{greeting}"
        );
        stream
    }

    /// Opens a socket and is let in.
    pub(crate) async fn listen(address: SocketAddr, key: &str) -> Self {
        let mut stream = Self::open(address).await;
        stream.connect(key).await;
        stream
    }

    /// Is let in.
    pub(crate) async fn connect(&mut self, key: &str) {
        self.say(&format!("40{}", json!({ "token": key }))).await;
        let answer = self.text().await;
        assert!(answer.starts_with(r#"40{"sid":""#), "{answer}");
    }

    /// Sends a text frame. The server may have closed already.
    pub(crate) async fn say(&mut self, text: &str) {
        drop(self.socket.send(Message::text(text)).await);
    }

    /// The next text that is no heartbeat; those are answered.
    pub(crate) async fn text(&mut self) -> String {
        timeout(PATIENCE, self.try_text()).await.expect("something is heard").expect("the socket is open")
    }

    /// The next event.
    pub(crate) async fn event(&mut self) -> Event {
        read(&self.text().await)
    }

    /// Events until one is like `last`, in brief, of one sandbox.
    pub(crate) async fn until(&mut self, id: &str, last: &str) -> Vec<Event> {
        let mut seen = Vec::new();
        loop {
            let event = self.event().await;
            if event.id() != id {
                continue;
            }
            let is_last = event.brief() == last;
            seen.push(event);
            if is_last {
                return seen;
            }
        }
    }

    /// Waits for the end, answering heartbeats.
    pub(crate) async fn end(mut self) -> End {
        let mut texts = Vec::new();
        loop {
            match timeout(PATIENCE, self.try_text()).await.expect("the socket ends") {
                Ok(text) => texts.push(text),
                Err(code) => return End { code, texts },
            }
        }
    }

    /// Waits for the end and answers nothing.
    pub(crate) async fn end_in_silence(mut self) -> End {
        let mut texts = Vec::new();
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("the socket ends") {
                Some(Ok(Message::Text(text))) => texts.push(text.to_string()),
                Some(Ok(Message::Close(frame))) => {
                    return End { code: frame.map(|frame| frame.code.into()), texts };
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return End { code: None, texts },
            }
        }
    }

    async fn try_text(&mut self) -> Result<String, Option<u16>> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) if text == "2" => {
                    self.beats += 1;
                    self.say("3").await;
                }
                Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }
}

/// Reads an event frame.
pub(crate) fn read(text: &str) -> Event {
    let frame = text.strip_prefix("42").unwrap_or_else(|| panic!("{text} is an event"));
    let (name, payload) = serde_json::from_str(frame).unwrap();
    Event { name, payload }
}

/// The upgrade alone.
pub(crate) async fn upgrade(
    stream: TcpStream,
    address: SocketAddr,
    query: &str,
) -> Result<WebSocketStream<TcpStream>, Error> {
    let request = format!("ws://{address}/api/socket.io/?{query}").into_client_request().unwrap();
    client_async(request, stream).await.map(|(socket, _)| socket)
}

/// Longer than a loopback round trip, shorter than anybody waits.
pub(crate) const BRIEF: Duration = Duration::from_millis(150);

impl Stream {
    /// An event that is there now, or in a moment.
    pub(crate) async fn event_now(&mut self) -> Option<Event> {
        let text = timeout(BRIEF, self.try_text()).await.ok()?;
        text.ok().map(|text| read(&text))
    }

    /// Every event until this sandbox is in a state.
    pub(crate) async fn until_state_of(&mut self, id: &str, state: &str) -> Vec<Event> {
        let mut seen = Vec::new();
        loop {
            let event = self.event().await;
            let is_last = event.id() == id && event.payload["newState"] == state;
            seen.push(event);
            if is_last {
                return seen;
            }
        }
    }
}
