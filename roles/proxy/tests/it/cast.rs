//! Who plays what.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use axum::{Json, Router};
use http_body_util::BodyExt;
use paddock_client::Control;
use paddock_proxy::{Config, Proxy};
use paddock_types::{OrganizationId, SandboxState};
use paddock_wire_control::internal::{Authorize, Authorized, Credential};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixListener, UnixStream};

pub const SANDBOX: &str = "00000000-0000-4000-8000-000000000001";
pub const STOPPED: &str = "00000000-0000-4000-8000-000000000002";
pub const KEY: &str = "dtn_key";
/// Of another organization.
pub const OTHER_KEY: &str = "dtn_other";
pub const TOKEN: &str = "sandboxtoken";

/// Counts what the cast saw.
#[derive(Default)]
struct Seen {
    uses: AtomicUsize,
    opened: AtomicUsize,
    closed: AtomicBool,
}

/// A proxy on a socket, and everybody it speaks to.
pub struct Stage {
    address: std::net::SocketAddr,
    seen: Arc<Seen>,
    _directory: tempfile::TempDir,
}

pub struct Answer {
    pub status: u16,
    headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).map(|value| value.to_str().unwrap().to_owned())
    }
}

impl Stage {
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let seen = Arc::new(Seen::default());
        let toolbox = directory.path().join("toolbox.sock");
        let open = directory.path().join("open.sock");
        let listener = UnixListener::bind(&toolbox).unwrap();
        tokio::spawn(async move { axum::serve(listener, toolbox_router()).await });
        tokio::spawn(play_runner(UnixListener::bind(&open).unwrap(), toolbox, Arc::clone(&seen)));
        let control = Router::new()
            .route("/internal/v1/authorize", post(authorize))
            .route("/internal/v1/activity", post(record))
            .with_state(Arc::clone(&seen));
        let proxy =
            Proxy::new(Config { open_socket: open, version: "1.2.3".into() }, Control::in_process(control));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, proxy.router()).await });
        Self { address, seen, _directory: directory }
    }

    pub fn close_sandbox(&self) {
        self.seen.closed.store(true, Ordering::SeqCst);
    }

    pub fn uses(&self) -> usize {
        self.seen.uses.load(Ordering::SeqCst)
    }

    pub fn opened(&self) -> usize {
        self.seen.opened.load(Ordering::SeqCst)
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// One request on a connection of its own. `headers` are whole lines.
    pub async fn request(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let mut stream = self.connect().await;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: proxy.test\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        let mut whole = Vec::new();
        tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut whole)).await.unwrap().unwrap();
        let end = whole.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&whole[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: HeaderMap = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.parse::<header::HeaderName>().unwrap(), value.parse().unwrap()))
            .collect();
        let mut body = whole[end + 4..].to_vec();
        if headers.contains_key(header::TRANSFER_ENCODING) {
            body = unchunk(&body);
        }
        Answer { status, headers, body }
    }
}

fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        whole.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[(end + 4 + size).min(bytes.len())..];
    }
    whole
}

/// Reads until `wanted` was seen, at most five seconds.
pub async fn read_until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut seen = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&seen).contains(wanted) {
            let mut chunk = [0; 1024];
            let count = stream.read(&mut chunk).await.unwrap();
            assert_ne!(count, 0, "ended before {wanted:?}: {}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&chunk[..count]);
        }
    };
    tokio::time::timeout(Duration::from_secs(5), reading)
        .await
        .unwrap_or_else(|_| panic!("{wanted:?} did not come"));
    String::from_utf8_lossy(&seen).into_owned()
}

async fn authorize(Json(asked): Json<Authorize>) -> Response {
    let state = match asked.sandbox.as_str() {
        SANDBOX => Some(SandboxState::Started),
        STOPPED => Some(SandboxState::Stopped),
        _ => None,
    };
    let status = match (&asked.credential, state) {
        (Credential::Bearer(key), Some(state)) if key == KEY => return authorized(&asked.sandbox, state),
        (Credential::PreviewToken(token), Some(state)) if token == TOKEN => {
            return authorized(&asked.sandbox, state);
        }
        (Credential::Bearer(key), _) if key == KEY || key == OTHER_KEY => StatusCode::NOT_FOUND,
        _ => StatusCode::UNAUTHORIZED,
    };
    status.into_response()
}

fn authorized(id: &str, state: SandboxState) -> Response {
    let organization_id = OrganizationId::random();
    Json(Authorized { sandbox_id: id.parse().unwrap(), organization_id, state }).into_response()
}

async fn record(State(seen): State<Arc<Seen>>) -> StatusCode {
    seen.uses.fetch_add(1, Ordering::SeqCst);
    StatusCode::NO_CONTENT
}

/// Answers every line with a connection to the toolbox.
async fn play_runner(listener: UnixListener, toolbox: std::path::PathBuf, seen: Arc<Seen>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (toolbox, seen) = (toolbox.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            let mut lines = BufReader::new(stream).lines();
            while let Ok(Some(_request)) = lines.next_line().await {
                let opened = if seen.closed.load(Ordering::SeqCst) {
                    None
                } else {
                    Some(UnixStream::connect(&toolbox).await.unwrap())
                };
                seen.opened.fetch_add(usize::from(opened.is_some()), Ordering::SeqCst);
                let line: &[u8] = if opened.is_some() { b"\"opened\"\n" } else { b"\"unreachable\"\n" };
                let stream = lines.get_ref().get_ref();
                paddock_sys::fd::send_with(stream.as_fd(), line, opened.as_ref().map(AsFd::as_fd)).unwrap();
            }
        });
    }
}

fn toolbox_router() -> Router {
    Router::new().route("/echo", post(echo)).route("/switch", any(switch)).fallback(tell)
}

/// Says what was asked.
async fn tell(request: Request) -> String {
    let mut said = format!("{} {}\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        said.push_str(&format!("{name}: {}\n", value.to_str().unwrap_or("?")));
    }
    let body = request.into_body().collect().await.unwrap().to_bytes();
    said + &String::from_utf8_lossy(&body)
}

/// Sends each piece back as it comes.
async fn echo(body: Body) -> Body {
    body
}

/// Switches protocols, sends back what comes, and ends at "bye".
async fn switch(mut request: Request) -> Response {
    let protocol = request.headers().get(header::SEC_WEBSOCKET_PROTOCOL).cloned();
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut stream = hyper_util::rt::TokioIo::new(upgrade.await.unwrap());
        let mut chunk = [0; 1024];
        loop {
            let count = stream.read(&mut chunk).await.unwrap();
            stream.write_all(&chunk[..count]).await.unwrap();
            if count == 0 || chunk[..count].ends_with(b"bye") {
                let _ = stream.shutdown().await;
                return;
            }
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, "upgrade".parse().unwrap());
    headers.insert(header::UPGRADE, "websocket".parse().unwrap());
    headers.insert("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".parse().unwrap());
    if let Some(first) = protocol.and_then(|all| all.to_str().ok()?.split(',').next().map(str::to_owned)) {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, first.parse().unwrap());
    }
    response
}
