//! The way into sandboxes: `/toolbox/{sandboxId}/…` and WebSockets on it (`spec/toolbox.md` 1.1,
//! `spec/control-plane.md` E).
//!
//! A request is authorized by control, then passed on over a connection that the runner opened, byte for byte
//! and without buffering in either direction; nothing here reads a body. No credential ever goes on.
//!
//! What lies where: [`route`] reads the address, [`credential`] what the caller presents, [`forward`] passes
//! on, [`upstream`] keeps connections, [`cors`], [`activity`] and [`error`] are what their names say.

mod activity;
mod cors;
mod credential;
mod error;
mod forward;
mod metrics;
mod route;
mod signed;
mod terminal;
mod tunnel;
mod upstream;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use paddock_client::{AuthorizeError, Control};
use paddock_types::{SandboxId, SandboxState};
use paddock_wire_control::internal::{Authorize, Authorized};
use tracing::Instrument;

use credential::{Carrier, Presented};
use error::ProxyError;
use route::{Route, Service};

/// What the proxy needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// The runner's `open.sock`.
    pub open_socket: PathBuf,
    /// The program's version, for `/health`.
    pub version: String,
}

/// The proxy.
#[derive(Debug, Clone)]
pub struct Proxy {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    control: Control,
    upstream: upstream::Upstream,
    version: String,
}

/// The address of the caller, which the server puts among a request's extensions.
pub type Caller = ConnectInfo<std::net::SocketAddr>;

impl Proxy {
    /// Binds and connects nothing.
    pub fn new(config: Config, control: Control) -> Self {
        let upstream = upstream::Upstream::new(config.open_socket);
        Self { shared: Arc::new(Shared { control, upstream, version: config.version }) }
    }

    /// Everything that the proxy's port serves.
    pub fn router(&self) -> Router {
        Router::new().fallback(handle).with_state(Arc::clone(&self.shared))
    }

    /// What the API's port serves of it, for SDKs that know no other: `/api/toolbox/{sandbox}/toolbox/…`.
    pub fn legacy_router(&self) -> Router {
        let handler = axum::routing::any(handle_legacy);
        Router::new().route("/api/toolbox/{*rest}", handler).with_state(Arc::clone(&self.shared))
    }
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let route = route::of(&request);
    answer(&shared, route, request).await
}

async fn handle_legacy(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let route = route::legacy(&request).map(Route::Sandbox);
    answer(&shared, route, request).await
}

async fn answer(shared: &Arc<Shared>, route: Result<Route, ProxyError>, request: Request) -> Response {
    let said = error::Asked::of(&request);
    let cors = cors::Cors::of(request.headers());
    if let Some(preflight) = cors.preflight(&request) {
        return preflight;
    }
    let mut response = match route {
        Ok(Route::Health) => {
            axum::Json(serde_json::json!({"status": "ok", "version": shared.version})).into_response()
        }
        Ok(Route::Sandbox(target)) => match serve(shared, target, request).await {
            Ok(response) => response,
            Err(error) => error.into_response(&said),
        },
        Err(error) => error.into_response(&said),
    };
    cors.apply(response.headers_mut());
    response
}

async fn serve(
    shared: &Arc<Shared>,
    mut target: route::Target,
    request: Request,
) -> Result<Response, ProxyError> {
    let presented = match signed::take(&mut target, request.method())? {
        Some(file) => Presented::signed(file),
        None => match target.service {
            Service::Toolbox => Presented::of(&request, &target.sandbox).without_foreign_cookie(&request),
            Service::Port(_) => Presented::of(&request, &target.sandbox).or_nothing(),
        },
    };
    let span = tracing::debug_span!("authorize", sandbox.id = %target.sandbox);
    let (authorized, by, is_our_key) =
        authorize(&shared.control, &target.sandbox, &presented).instrument(span).await?;
    let not_started = ProxyError::NotStarted { id: authorized.sandbox_id, state: authorized.state };
    if !may_run(authorized.state) {
        return Err(not_started);
    }
    let watch = activity::watch(shared.control.clone(), authorized.sandbox_id, request.headers()).await;
    if metrics::is_asked(&target, request.method()) {
        return metrics::answer(&shared.control, authorized.sandbox_id).await;
    }
    let mut response = match terminal::page(&target, request.method()) {
        Some(page) => page,
        None => {
            let span = tracing::debug_span!("forward", sandbox.id = %authorized.sandbox_id);
            let id = authorized.sandbox_id;
            let forwarded = forward::forward(&shared.upstream, id, &target, is_our_key, request, watch)
                .instrument(span)
                .await;
            match forwarded {
                // A stopped one may be worked on too.
                Err(ProxyError::Unreachable) if authorized.state != SandboxState::Started => {
                    return Err(not_started);
                }
                forwarded => forwarded?,
            }
        }
    };
    // A browser that came with the token in its address goes on with a cookie.
    if let Some(cookie) = presented.cookie_after(by, &target) {
        response.headers_mut().append(http::header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Whether a sandbox in this state may be running: it is started, or short work is done on it beside it.
fn may_run(state: SandboxState) -> bool {
    use SandboxState::{Forking, Resizing, Snapshotting, Started};
    matches!(state, Started | Resizing | Snapshotting | Forking)
}

/// Tries what was presented, in the order of the specification. Gives back by what the caller came in, and whether its
/// `Authorization` header holds a key of ours, whoever's. The best refusal is told: somebody with a valid
/// key learns that there is no such sandbox, anybody else that the key is none.
async fn authorize(
    control: &Control,
    sandbox: &str,
    presented: &Presented,
) -> Result<(Authorized, Carrier, bool), ProxyError> {
    let mut refusal = ProxyError::Unauthenticated;
    let mut is_our_key = false;
    for (carrier, credential) in presented.in_order() {
        let request = Authorize { sandbox: sandbox.to_owned(), credential: credential.clone() };
        match control.authorize(&request).await {
            Ok(authorized) => {
                is_our_key |= carrier == Carrier::Authorization;
                return Ok((authorized, carrier, is_our_key));
            }
            Err(AuthorizeError::Unauthenticated) => {}
            Err(AuthorizeError::NotFound) => {
                // A good key, of somebody else.
                is_our_key |= carrier == Carrier::Authorization;
                refusal = ProxyError::NotFound { sandbox: sandbox.to_owned() };
            }
            Err(AuthorizeError::Unavailable(reason)) => {
                tracing::error!(reason, "control could not authorize a request");
                return Err(ProxyError::Unavailable);
            }
        }
    }
    Err(refusal)
}

/// A sandbox's id, with the port if it is not the toolbox, as the authority of an address: the connection pool's
/// key.
fn authority(id: SandboxId, service: Service) -> String {
    match service {
        Service::Toolbox => id.to_string(),
        Service::Port(port) => format!("{id}:{port}"),
    }
}
