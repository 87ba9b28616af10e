//! Starting, stopping, deleting: a new wish, if it is legal now.

use paddock_planner::request::{Call, Verdict, decide};
use paddock_store::SandboxRecord;
use paddock_store::sandbox::SandboxStatus;
use paddock_types::DesiredState;

use super::hold::Hold;
use super::retention;
use crate::app::{App, Error};
use crate::auth::extract::not_found;
use crate::auth::secret;
use crate::clock;
use crate::failpoints::{self, Moment, Operation};

/// How often a wish is tried again when the record changes under it. Each time means that somebody
/// else got through, so more tries are only needed when very many ask at once.
const TRIES: usize = 8;

/// How a sandbox is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grace {
    /// SIGTERM first.
    Given,
    /// SIGKILL at once.
    None,
}

/// Starts a sandbox and waits as creating does. One that runs is given back as it is.
///
/// # Errors
/// 409 while something else is under way, 400 in a state that cannot start or when starting failed.
pub(crate) async fn start(app: &App, sandbox: SandboxRecord) -> Result<SandboxRecord, Error> {
    let hold = Hold::begin(app, sandbox.id);
    let record = wish(app, sandbox, Call::Start, Grace::Given).await?;
    hold.until_started(record).await
}

/// Begins to stop a sandbox; an ephemeral one is deleted. Does not wait.
///
/// # Errors
/// 409 while something else is under way, 400 in a state that cannot stop.
pub(crate) async fn stop(app: &App, sandbox: SandboxRecord, grace: Grace) -> Result<SandboxRecord, Error> {
    wish(app, sandbox, Call::Stop, grace).await
}

/// Begins to delete a sandbox, whatever is under way; its name is free at once. Does not wait.
///
/// # Errors
/// 404 when it is gone.
pub(crate) async fn delete(app: &App, sandbox: SandboxRecord) -> Result<SandboxRecord, Error> {
    wish(app, sandbox, Call::Delete, Grace::None).await
}

async fn wish(
    app: &App,
    mut sandbox: SandboxRecord,
    call: Call,
    grace: Grace,
) -> Result<SandboxRecord, Error> {
    for _ in 0..TRIES {
        let status = &sandbox.status;
        let (desired, state) = match decide(call, status.state, status.desired, retention(&sandbox)) {
            Verdict::Accepted { desired, state } => (desired, state),
            Verdict::AsIs => return Ok(sandbox),
            Verdict::Busy => {
                return Err(Error::Conflict(format!(
                    "sandbox is {}: another operation is in progress",
                    status.state
                )));
            }
            Verdict::Failed => {
                return Err(Error::Invalid(format!(
                    "sandbox is in state {}: it can only be deleted",
                    status.state
                )));
            }
            Verdict::Illegal => return Err(illegal(call, &sandbox)),
        };
        let status = SandboxStatus {
            desired,
            state,
            forced: grace == Grace::None,
            generation: app.next_generation(status.generation),
            error_reason: None,
            recoverable: false,
            auth_token: match desired {
                DesiredState::Started => secret::auth_token(),
                _ => status.auth_token.clone(),
            },
            updated_at: clock::now(),
            ..status.clone()
        };
        let operation = match call {
            Call::Start => Operation::Start,
            Call::Stop => Operation::Stop,
            Call::Delete => Operation::Delete,
        };
        if app.store.update_sandbox_status(sandbox.id, sandbox.version, status.clone()).await? {
            tracing::info!(
                sandbox.id = %sandbox.id,
                from = %sandbox.status.state,
                to = %state,
                cause = ?call,
                "a sandbox changes by request"
            );
            sandbox.version += 1;
            sandbox.last_activity_at = sandbox.last_activity_at.max(status.updated_at);
            sandbox.status = status;
            failpoints::hit(operation, Moment::AfterRequest)?;
            app.changes.publish(&sandbox);
            app.queue.wake(sandbox.id);
            return Ok(sandbox);
        }
        let gone = || not_found(&sandbox.id.to_string());
        sandbox = app.store.load_sandbox(sandbox.id).await?.ok_or_else(gone)?;
    }
    Err(Error::Conflict("sandbox is being changed by others: try again".to_owned()))
}

fn illegal(call: Call, sandbox: &SandboxRecord) -> Error {
    match call {
        Call::Start => Error::Invalid(format!("sandbox is {}: it cannot be started", sandbox.status.state)),
        Call::Stop => Error::Invalid(format!("sandbox is {}: it cannot be stopped", sandbox.status.state)),
        Call::Delete => not_found(&sandbox.id.to_string()),
    }
}
