//! Tells the runner something, and opens its stream of events: HTTP/1.1 over its Unix socket.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use paddock_types::{ObjectId, RootRef, SandboxId, VolumeId};
use paddock_wire_runner::{
    DesiredVolume, ErrorBody, Observation, RootStatus, Usage, VolumeReport, VolumeSight, VolumeWish, Wish,
};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// How long a runner may take to accept a wish. Accepting is writing it down, not fulfilling it.
const WISH_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a runner may take to say what a sandbox uses.
const USAGE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a runner may take to remove a layer.
const LAYER_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a question for a root file system may be open: longer than the runner holds it.
const ROOT_TIMEOUT: Duration = Duration::from_secs(40);
/// The longest answer that is read.
const LONGEST_ANSWER: usize = 1 << 20;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a wish was not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WishError {
    /// The runner has seen a later wish.
    #[error("the runner has seen a later wish")]
    Outdated,
    /// The runner will never accept this wish.
    #[error("the runner refuses the wish: {0}")]
    Refused(String),
    /// The runner could not be asked, or could not say. Worth another try.
    #[error("the runner did not answer")]
    Unanswered(#[source] BoxError),
}

/// A client to one runner. Keeps connections open; cheap to clone.
#[derive(Clone)]
pub(crate) struct RunnerClient {
    client: Client<SocketConnector, Full<Bytes>>,
}

impl RunnerClient {
    pub(crate) fn new(socket: &Path) -> Self {
        let connector = SocketConnector { socket: socket.to_owned() };
        let client =
            Client::builder(TokioExecutor::new()).pool_idle_timeout(Duration::from_secs(30)).build(connector);
        Self { client }
    }

    /// Sends the whole wish for one sandbox. May be repeated; a caller who stops waiting does not know
    /// whether it was accepted.
    pub(crate) async fn put_wish(&self, id: SandboxId, wish: &Wish) -> Result<Observation, WishError> {
        let body = serde_json::to_vec(wish).map_err(|error| WishError::Unanswered(error.into()))?;
        let request = request(Method::PUT, &format!("/v1/sandboxes/{id}"), Bytes::from(body));
        let exchange = async {
            let response =
                self.client.request(request).await.map_err(|error| WishError::Unanswered(error.into()))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await;
            let body = body.map_err(WishError::Unanswered)?.to_bytes();
            read_answer(status, &body)
        };
        timeout(WISH_TIMEOUT, exchange).await.unwrap_or_else(|error| Err(WishError::Unanswered(error.into())))
    }

    /// Asks for a volume to be there or gone, and how far that is. May be repeated.
    pub(crate) async fn put_volume(
        &self,
        id: VolumeId,
        desired: DesiredVolume,
    ) -> Result<VolumeSight, BoxError> {
        let exchange = async {
            let body = serde_json::to_vec(&VolumeWish { desired })?;
            let request = request(Method::PUT, &format!("/v1/volumes/{id}"), Bytes::from(body));
            let response = self.client.request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await?.to_bytes();
            if status != StatusCode::OK {
                return Err(format!("the runner answered {status}").into());
            }
            Ok(serde_json::from_slice::<VolumeReport>(&body)?.state)
        };
        timeout(WISH_TIMEOUT, exchange).await?
    }

    /// What a sandbox uses now. `None`: it does not run there.
    pub(crate) async fn usage(&self, id: SandboxId) -> Result<Option<Usage>, BoxError> {
        let exchange = async {
            let path = format!("/v1/sandboxes/{id}/usage");
            let response = self.client.request(request(Method::GET, &path, Bytes::new())).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await?.to_bytes();
            match status {
                StatusCode::OK => Ok(Some(serde_json::from_slice(&body)?)),
                StatusCode::NOT_FOUND => Ok(None),
                other => Err(format!("the runner answered {other}").into()),
            }
        };
        timeout(USAGE_TIMEOUT, exchange).await?
    }

    /// Has a layer removed from the object store and from the runner's host. One that is not there is no error.
    pub(crate) async fn delete_layer(&self, id: ObjectId) -> Result<(), BoxError> {
        self.delete(&format!("/v1/layers/{id}")).await
    }

    async fn delete(&self, path: &str) -> Result<(), BoxError> {
        let exchange = async {
            let response = self.client.request(request(Method::DELETE, path, Bytes::new())).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await?.to_bytes();
            match (status, serde_json::from_slice::<ErrorBody>(&body)) {
                (StatusCode::NO_CONTENT, _) => Ok(()),
                (_, Ok(body)) => Err(body.message.into()),
                (other, Err(_)) => Err(format!("the runner answered {other}").into()),
            }
        };
        timeout(LAYER_TIMEOUT, exchange).await?
    }

    /// Has a layer removed from the runner's host alone; it is fetched again when somebody needs it.
    pub(crate) async fn evict_layer(&self, id: ObjectId) -> Result<(), BoxError> {
        self.delete(&format!("/v1/layers/{id}?keep=object")).await
    }

    /// Has a root file system fetched and unpacked; how far it is after a while. May be repeated.
    pub(crate) async fn prepare_root(&self, root: &RootRef) -> Result<RootStatus, BoxError> {
        let exchange = async {
            let body = serde_json::to_vec(root)?;
            let response = self.client.request(request(Method::PUT, "/v1/roots", Bytes::from(body))).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await?.to_bytes();
            if status != StatusCode::OK {
                return Err(format!("the runner answered {status}").into());
            }
            Ok(serde_json::from_slice(&body)?)
        };
        timeout(ROOT_TIMEOUT, exchange).await?
    }

    /// Opens the stream of events.
    pub(crate) async fn events(&self) -> Result<Incoming, BoxError> {
        let response = self.client.request(request(Method::GET, "/v1/events", Bytes::new())).await?;
        if response.status() != StatusCode::OK {
            return Err(format!("the runner answered {}", response.status()).into());
        }
        Ok(response.into_body())
    }
}

fn read_answer(status: StatusCode, body: &[u8]) -> Result<Observation, WishError> {
    if status == StatusCode::OK {
        return serde_json::from_slice(body).map_err(|error| WishError::Unanswered(error.into()));
    }
    let message =
        serde_json::from_slice::<ErrorBody>(body).map_or_else(|_| status.to_string(), |body| body.message);
    match status {
        StatusCode::CONFLICT => Err(WishError::Outdated),
        status if status.is_client_error() => Err(WishError::Refused(message)),
        _ => Err(WishError::Unanswered(message.into())),
    }
}

fn request(method: Method, path: &str, body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // The host of the address is not used: every connection goes to the socket.
    *request.uri_mut() = Uri::builder()
        .scheme("http")
        .authority("runner")
        .path_and_query(path)
        .build()
        .expect("ids and constants are valid in an address");
    request
}

/// Connects to the runner's socket whatever the address says.
#[derive(Clone)]
struct SocketConnector {
    socket: PathBuf,
}

/// A connection to the socket.
struct SocketIo(TokioIo<UnixStream>);

impl tower::Service<Uri> for SocketConnector {
    type Response = SocketIo;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = std::io::Result<SocketIo>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let socket = self.socket.clone();
        Box::pin(async move { Ok(SocketIo(TokioIo::new(UnixStream::connect(socket).await?))) })
    }
}

impl Connection for SocketIo {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl hyper::rt::Read for SocketIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl hyper::rt::Write for SocketIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
