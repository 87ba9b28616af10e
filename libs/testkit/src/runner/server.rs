//! The fake runner's side of the wire.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path as PathOf, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, put};
use axum::{Json, Router};
use futures_util::stream::unfold;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use paddock_types::{ObjectId, RootRef, SandboxId, VolumeId};
use paddock_wire_runner::{
    ErrorBody, Event, Observation, RootStatus, RunnerInfo, VolumeReport, VolumeWish, Wish,
};
use tokio::net::UnixListener;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::host::{Host, Reception};

/// Listens until the task is aborted; then every connection breaks.
pub(super) fn listen(socket: &Path, host: Arc<Host>) -> JoinHandle<()> {
    let listener = UnixListener::bind(socket).expect("a socket in a directory of our own");
    let router = Router::new()
        .route("/v1/info", get(info))
        .route("/v1/sandboxes", get(list))
        .route("/v1/sandboxes/{id}", put(receive))
        .route("/v1/layers/{id}", delete(delete_layer))
        .route("/v1/roots", put(prepare_root))
        .route("/v1/volumes/{id}", put(receive_volume))
        .route("/v1/events", get(events))
        .with_state(host);
    tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(router.clone());
            connections.spawn(async move {
                let connection = hyper::server::conn::http1::Builder::new();
                // A broken connection is the other side's to notice.
                drop(connection.serve_connection(TokioIo::new(stream), service).await);
            });
        }
    })
}

async fn info(State(host): State<Arc<Host>>) -> Json<RunnerInfo> {
    Json(host.info())
}

async fn list(State(host): State<Arc<Host>>) -> Json<Vec<Observation>> {
    Json(host.observations())
}

async fn receive(
    State(host): State<Arc<Host>>,
    PathOf(id): PathOf<SandboxId>,
    Json(wish): Json<Wish>,
) -> Response {
    let error = |status: u16, message: String| {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(ErrorBody { message })).into_response()
    };
    match host.receive(id, wish) {
        Reception::Accepted(observation) => Json(observation).into_response(),
        Reception::Outdated => error(409, "a later wish is known".to_owned()),
        Reception::Refused(status, message) => error(status, message),
        // A body that breaks off takes the connection with it.
        Reception::AnswerLost => {
            let broken = futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("lost")) });
            Body::from_stream(broken).into_response()
        }
    }
}

async fn delete_layer(State(host): State<Arc<Host>>, PathOf(id): PathOf<ObjectId>) -> Response {
    match host.delete_layer(id) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(message) => (StatusCode::CONFLICT, Json(ErrorBody { message })).into_response(),
    }
}

async fn prepare_root(State(host): State<Arc<Host>>, Json(root): Json<RootRef>) -> Json<RootStatus> {
    Json(host.prepare_root(root))
}

async fn receive_volume(
    State(host): State<Arc<Host>>,
    PathOf(id): PathOf<VolumeId>,
    Json(wish): Json<VolumeWish>,
) -> Json<VolumeReport> {
    Json(host.volumes.receive(id, wish.desired))
}

async fn events(State(host): State<Arc<Host>>) -> Body {
    let (first, news) = host.listen();
    Body::from_stream(unfold((VecDeque::from(first), news), next_line))
}

/// The next line: what was so at first, then what changes, and an empty line in every silence.
async fn next_line(
    (mut first, mut news): (VecDeque<Event>, Receiver<Event>),
) -> Option<(Result<Bytes, Infallible>, (VecDeque<Event>, Receiver<Event>))> {
    let event = match first.pop_front() {
        Some(event) => Some(event),
        None => match timeout(Duration::from_secs(10), news.recv()).await {
            Ok(Ok(event)) => Some(event),
            Ok(Err(RecvError::Closed | RecvError::Lagged(_))) => return None,
            Err(_) => None,
        },
    };
    let mut line =
        event.map(|event| serde_json::to_vec(&event).expect("events are JSON")).unwrap_or_default();
    line.push(b'\n');
    Some((Ok(Bytes::from(line)), (first, news)))
}
