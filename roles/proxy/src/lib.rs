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
mod route;
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

use credential::Presented;
use error::ProxyError;
use route::Route;

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
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let said = error::Asked::of(&request);
    let cors = cors::Cors::of(request.headers());
    if let Some(preflight) = cors.preflight(&request) {
        return preflight;
    }
    let mut response = match route::of(&request) {
        Ok(Route::Health) => {
            axum::Json(serde_json::json!({"status": "ok", "version": shared.version})).into_response()
        }
        Ok(Route::Toolbox(target)) => match serve(&shared, target, request).await {
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
    target: route::Target,
    request: Request,
) -> Result<Response, ProxyError> {
    let presented = Presented::of(&request, &target.sandbox);
    let span = tracing::debug_span!("authorize", sandbox.id = %target.sandbox);
    let (authorized, by) = authorize(&shared.control, &target.sandbox, &presented).instrument(span).await?;
    if authorized.state != SandboxState::Started {
        return Err(ProxyError::NotStarted { id: authorized.sandbox_id, state: authorized.state });
    }
    let watch = activity::watch(shared.control.clone(), authorized.sandbox_id, request.headers()).await;
    let span = tracing::debug_span!("forward", sandbox.id = %authorized.sandbox_id);
    let forwarding = forward::forward(&shared.upstream, authorized.sandbox_id, &target, request, watch);
    let mut response = forwarding.instrument(span).await?;
    // A browser that came with the token in its address goes on with a cookie.
    if let Some(cookie) = presented.cookie_after(by, &target.sandbox) {
        response.headers_mut().append(http::header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Tries what was presented, in the order of the specification. The best refusal is told: somebody with a valid
/// key learns that there is no such sandbox, anybody else that the key is none.
async fn authorize(
    control: &Control,
    sandbox: &str,
    presented: &Presented,
) -> Result<(Authorized, credential::Carrier), ProxyError> {
    let mut refusal = ProxyError::Unauthenticated;
    for (carrier, credential) in presented.in_order() {
        let request = Authorize { sandbox: sandbox.to_owned(), credential: credential.clone() };
        match control.authorize(&request).await {
            Ok(authorized) => return Ok((authorized, carrier)),
            Err(AuthorizeError::Unauthenticated) => {}
            Err(AuthorizeError::NotFound) => refusal = ProxyError::NotFound { sandbox: sandbox.to_owned() },
            Err(AuthorizeError::Unavailable(reason)) => {
                tracing::error!(reason, "control could not authorize a request");
                return Err(ProxyError::Unavailable);
            }
        }
    }
    Err(refusal)
}

/// A sandbox's id as the authority of an address, for the connection pool.
fn authority(id: SandboxId) -> String {
    id.to_string()
}
