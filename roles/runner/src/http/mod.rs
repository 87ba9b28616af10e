//! The control-facing API of `wire/runner`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, put};
use axum::{Json, Router};
use futures_util::stream;
use paddock_types::{ObjectId, RootRef, SandboxId, VolumeId};
use paddock_wire_runner::{ErrorBody, Event, Observation, RunnerInfo, Usage, VolumeWish, Wish};
use serde::Deserialize;
use tokio::net::UnixListener;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::sandbox::{Refused, Registry};
use crate::{Context, blocking, chain, meter, roots, volumes};

/// A listener learns at the latest after this time that the runner is still there.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How long a question for a root file system is held.
const ROOT_PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone)]
struct App {
    context: Arc<Context>,
    registry: Registry,
    shutdown: CancellationToken,
}

/// Serves `listener` until `shutdown`.
pub(crate) async fn serve(
    listener: UnixListener,
    context: Arc<Context>,
    registry: Registry,
    shutdown: CancellationToken,
) {
    let app = App { context: Arc::clone(&context), registry, shutdown: shutdown.clone() };
    let router = Router::new()
        .route("/v1/info", get(info))
        .route("/v1/sandboxes", get(list))
        .route("/v1/sandboxes/{id}", put(wish))
        .route("/v1/sandboxes/{id}/usage", get(usage))
        .route("/v1/layers/{id}", delete(delete_layer))
        .route("/v1/roots", put(prepare_root))
        .route("/v1/volumes/{id}", put(wish_volume))
        .route("/v1/events", get(events))
        .with_state(app);
    let listener = crate::open::PeerChecked { listener, front_uid: context.config.front_uid };
    let served =
        axum::serve(listener, router).with_graceful_shutdown(async move { shutdown.cancelled().await });
    if let Err(error) = served.await {
        tracing::error!(%error, "the runner's API ended");
    }
}

fn refuse(status: StatusCode, message: impl Into<String>) -> Response {
    (status, Json(ErrorBody { message: message.into() })).into_response()
}

async fn info(State(app): State<App>) -> Json<RunnerInfo> {
    Json(app.context.info.clone())
}

async fn list(State(app): State<App>) -> Json<Vec<Observation>> {
    Json(app.context.hub.all())
}

async fn wish(State(app): State<App>, Path(id): Path<SandboxId>, body: Bytes) -> Response {
    let wish: Wish = match serde_json::from_slice(&body) {
        Ok(wish) => wish,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, format!("not a wish: {error}")),
    };
    match app.registry.wish(id, wish) {
        Ok(observation) => Json(observation).into_response(),
        Err(Refused::Older { known }) => {
            refuse(StatusCode::CONFLICT, format!("a newer wish is known: {}.{}", known.epoch, known.number))
        }
    }
}

async fn wish_volume(State(app): State<App>, Path(id): Path<VolumeId>, body: Bytes) -> Response {
    match serde_json::from_slice::<VolumeWish>(&body) {
        Ok(wish) => Json(volumes::wish(&app.context, id, wish.desired).await).into_response(),
        Err(error) => refuse(StatusCode::BAD_REQUEST, format!("not a wish: {error}")),
    }
}

async fn usage(State(app): State<App>, Path(id): Path<SandboxId>) -> Response {
    let asked = Arc::clone(&app.context);
    let found = blocking(move || {
        let disk = asked.drivers.storage.usage(id).map_err(|error| chain(&error))?;
        let rest = asked.drivers.runtime.consumption(id).map_err(|error| chain(&error))?;
        Ok::<_, String>((disk, rest))
    });
    let (disk, rest) = match found.await {
        Ok(found) => found,
        Err(reason) => return refuse(StatusCode::NOT_FOUND, reason),
    };
    let all = || std::thread::available_parallelism().map_or(1, usize::from) as f64;
    Json(Usage {
        cpu_used: meter::processors(&app.context, id, rest.cpu_time),
        cpu_limit: rest.cpu_limit_millicores.map_or_else(all, |limit| limit as f64 / 1000.0),
        memory_used_bytes: rest.memory_used_bytes,
        memory_cache_bytes: rest.memory_cache_bytes,
        memory_limit_bytes: rest.memory_limit_bytes,
        disk_used_bytes: disk.used_bytes,
        disk_limit_bytes: disk.limit_bytes.unwrap_or(u64::MAX),
    })
    .into_response()
}

async fn prepare_root(State(app): State<App>, body: Bytes) -> Response {
    match serde_json::from_slice::<RootRef>(&body) {
        Ok(root) => Json(roots::prepare_now(&app.context, &root, ROOT_PATIENCE).await).into_response(),
        Err(error) => refuse(StatusCode::BAD_REQUEST, format!("not a root file system: {error}")),
    }
}

/// What of a layer is to be kept.
#[derive(Debug, Deserialize)]
struct Keep {
    keep: Option<Kept>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    Object,
}

async fn delete_layer(
    State(app): State<App>,
    Path(id): Path<ObjectId>,
    Query(Keep { keep }): Query<Keep>,
) -> Response {
    let context = Arc::clone(&app.context);
    let removed = blocking(move || {
        let removed = match keep {
            Some(Kept::Object) => context.layers.evict(id),
            None => context.layers.remove(&context.drivers.porter, id),
        };
        // After it, or a fetch that was just ending would tell of them again.
        context.roots.forget(id);
        context.hub.forget_roots(id);
        removed
    });
    match removed.await {
        Ok(true) => StatusCode::NO_CONTENT.into_response(),
        Ok(false) => refuse(StatusCode::CONFLICT, "the layer is being written"),
        Err(reason) => refuse(StatusCode::INTERNAL_SERVER_ERROR, reason),
    }
}

async fn events(State(app): State<App>) -> Response {
    let (now, changes) = app.context.hub.subscribe();
    let mut first = vec![Event::Hello(app.context.info.clone())];
    first.extend(now);
    first.push(Event::InSync);
    let first: Vec<u8> = first.iter().flat_map(line).collect();
    let shutdown = app.shutdown.clone();
    let rest = stream::unfold((changes, shutdown), |(mut changes, shutdown)| async move {
        let next = tokio::select! {
            event = changes.recv() => match event {
                Ok(event) => line(&event),
                // Too slow: it comes back and gets the whole state.
                Err(broadcast::error::RecvError::Lagged(_) | broadcast::error::RecvError::Closed) => return None,
            },
            () = tokio::time::sleep(HEARTBEAT) => b"\n".to_vec(),
            () = shutdown.cancelled() => return None,
        };
        Some((Ok::<_, Infallible>(Bytes::from(next)), (changes, shutdown)))
    });
    let whole = futures_util::StreamExt::chain(stream::iter([Ok(Bytes::from(first))]), rest);
    ([("content-type", "application/x-ndjson")], Body::from_stream(whole)).into_response()
}

fn line(event: &Event) -> Vec<u8> {
    let mut line = serde_json::to_vec(event).unwrap_or_default();
    line.push(b'\n');
    line
}
