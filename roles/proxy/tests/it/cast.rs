//! Who plays what.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use axum::{Json, Router};
use http_body_util::BodyExt;
use paddock_client::Control;
use paddock_proxy::{Config, Proxy};
use paddock_types::{OrganizationId, SandboxState};
use paddock_wire_control::internal::{AskUsage, Authorize, Authorized, Credential, Usage};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixListener, UnixStream};

pub(crate) const SANDBOX: &str = "00000000-0000-4000-8000-000000000001";
pub(crate) const STOPPED: &str = "00000000-0000-4000-8000-000000000002";
pub(crate) const PUBLIC: &str = "00000000-0000-4000-8000-000000000003";
pub(crate) const KEY: &str = "dtn_key";
/// Of another organization.
pub(crate) const OTHER_KEY: &str = "dtn_other";
pub(crate) const TOKEN: &str = "sandboxtoken";

/// Opens the file `/a b`.
pub(crate) const SIGNATURE: &str = "v1_good";
/// On which a user's server listens.
pub(crate) const OPEN_PORT: u16 = 3000;

/// Counts what the cast saw.
#[derive(Default)]
struct Seen {
    uses: AtomicUsize,
    opened: AtomicUsize,
    closed: AtomicBool,
}

/// A proxy on a socket, and everybody it speaks to.
pub(crate) struct Stage {
    address: std::net::SocketAddr,
    seen: Arc<Seen>,
    _directory: tempfile::TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).map(|value| value.to_str().unwrap().to_owned())
    }
}

impl Stage {
    pub(crate) async fn start() -> Self {
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
        let control = control.route("/internal/v1/usage", post(usage));
        let proxy =
            Proxy::new(Config { open_socket: open, version: "1.2.3".into() }, Control::in_process(control));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = proxy.legacy_router().merge(proxy.router());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, seen, _directory: directory }
    }

    pub(crate) fn close_sandbox(&self) {
        self.seen.closed.store(true, Ordering::SeqCst);
    }

    pub(crate) fn uses(&self) -> usize {
        self.seen.uses.load(Ordering::SeqCst)
    }

    pub(crate) fn opened(&self) -> usize {
        self.seen.opened.load(Ordering::SeqCst)
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// One request on a connection of its own. `headers` are whole lines.
    pub(crate) async fn request(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        self.request_at("proxy.test", method, path, headers, body).await
    }

    /// The same to another host name.
    pub(crate) async fn request_at(
        &self,
        host: &str,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> Answer {
        let mut stream = self.connect().await;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
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
pub(crate) async fn read_until(stream: &mut TcpStream, wanted: &str) -> String {
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
        SANDBOX | PUBLIC => Some(SandboxState::Started),
        STOPPED => Some(SandboxState::Stopped),
        _ => None,
    };
    let status = match (&asked.credential, state) {
        (Credential::Bearer(key), Some(state)) if key == KEY => return authorized(&asked.sandbox, state),
        (Credential::SignedFile(file), Some(state)) if file.signature == SIGNATURE && file.path == "/a b" => {
            return authorized(&asked.sandbox, state);
        }
        (Credential::None, Some(state)) if asked.sandbox == PUBLIC => {
            return authorized(&asked.sandbox, state);
        }
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

async fn usage(Json(_): Json<AskUsage>) -> Json<Usage> {
    Json(Usage {
        cpu_used: 0.5,
        cpu_limit: 1.0,
        memory_used_bytes: 1,
        memory_cache_bytes: 1,
        memory_limit_bytes: Some(2),
        disk_used_bytes: 1,
        disk_limit_bytes: 2,
    })
}

fn toolbox_router() -> Router {
    Router::new()
        .route("/tunnel/{port}", any(tunnel))
        .route("/echo", post(echo))
        .route("/switch", any(switch))
        .fallback(tell)
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

/// A user's server behind the tunnel: says what was asked.
async fn tunnel(Path(port): Path<u16>, mut request: Request) -> Response {
    if port != OPEN_PORT {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let stream = upgrade.await.unwrap();
        let service = hyper_util::service::TowerToHyperService::new(Router::new().fallback(tell));
        hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await
    });
    let headers = [(header::CONNECTION, "upgrade"), (header::UPGRADE, "tcp")];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
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
