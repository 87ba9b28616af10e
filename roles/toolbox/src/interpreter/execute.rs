//! `GET /process/interpreter/execute`: a socket for one execution.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use paddock_wire_toolbox::InterpreterRequest;
use tokio::time::timeout;

use super::context::Context;
use super::execution;
use crate::environment::is_valid_name;
use crate::http::websocket::{Close, Closed, Socket, Upgrade};
use crate::toolbox::Shared;

/// How long the request may take to come after the upgrade.
const REQUEST_PATIENCE: Duration = Duration::from_secs(60);
/// The longest request: code is sent whole.
const LONGEST_REQUEST: usize = 64 << 20;
/// Seconds, where the client says nothing (`spec/toolbox.md` D.2).
const DEFAULT_TIMEOUT: f64 = 600.0;

/// What is to be executed.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) code: String,
    pub(super) context: Arc<Context>,
    /// `None`: as long as it takes.
    pub(super) limit: Option<Duration>,
    pub(super) variables: BTreeMap<String, String>,
}

pub(crate) async fn execute(State(shared): State<Arc<Shared>>, upgrade: Upgrade) -> Response {
    let sockets = shared.sockets.clone();
    upgrade.longest_message(LONGEST_REQUEST).accept(&sockets, |mut socket| async move {
        let outcome = serve(&shared, &mut socket).await;
        socket.finish(outcome).await;
    })
}

async fn serve(shared: &Shared, socket: &mut Socket) -> Result<Close, Closed> {
    let Ok(message) = timeout(REQUEST_PATIENCE, socket.receive()).await else {
        return Ok(Close::new(Close::PROTOCOL_ERROR, "no request came"));
    };
    let request = match serde_json::from_slice(&message?.into_bytes()) {
        Ok(request) => request,
        Err(error) => return Ok(Close::new(Close::PROTOCOL_ERROR, format!("invalid request: {error}"))),
    };
    match check(shared, request) {
        Ok(request) => execution::run(shared, socket, request).await,
        Err(reason) => Ok(Close::new(Close::POLICY, reason)),
    }
}

/// Says why a request is refused.
fn check(shared: &Shared, request: InterpreterRequest) -> Result<Request, String> {
    let code = request.code.filter(|code| !code.is_empty()).ok_or("code is required")?;
    let seconds = request.timeout.unwrap_or(DEFAULT_TIMEOUT);
    if seconds < 0.0 {
        return Err("timeout must not be negative".to_owned());
    }
    let variables = request.envs.unwrap_or_default();
    if let Some(name) = variables.keys().find(|name| !is_valid_name(name)) {
        return Err(format!("invalid environment variable name: {name:?}"));
    }
    if let Some(name) = variables.iter().find(|(_, value)| value.contains('\0')).map(|(name, _)| name) {
        return Err(format!("a NUL byte in the environment variable {name}"));
    }
    let context = match request.context_id.as_deref() {
        None | Some("" | super::contexts::DEFAULT) => shared.interpreter.default_in(&shared.work_dir),
        Some(id) => shared.interpreter.find(id).ok_or_else(|| format!("context not found: {id}"))?,
    };
    // What no Duration can hold is longer than any execution.
    let limit = Duration::try_from_secs_f64(seconds).ok().filter(|limit| !limit.is_zero());
    Ok(Request { code, context, limit, variables })
}
