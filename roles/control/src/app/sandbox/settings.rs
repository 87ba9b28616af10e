//! What can be changed of a sandbox in any state, at once: timers, and who may see it.

use paddock_store::SandboxRecord;
use paddock_store::sandbox::Timers;
use paddock_types::{AutoArchive, AutoDelete, AutoPause, AutoStop, TimeToLive};

use crate::app::{App, Error};
use crate::auth::extract::not_found;
use crate::clock;

/// Says after how much idleness a sandbox is stopped.
///
/// # Errors
/// 400 while it is to be paused for idleness.
pub(crate) async fn set_auto_stop(
    app: &App,
    sandbox: &SandboxRecord,
    auto_stop: AutoStop,
) -> Result<SandboxRecord, Error> {
    check_idle_timers(auto_stop, sandbox.auto_pause, sandbox.auto_delete)?;
    set(app, sandbox, Timers { auto_stop: Some(auto_stop), ..Timers::default() }).await
}

/// Says after how much idleness a sandbox is paused.
///
/// # Errors
/// 400 while it is to be stopped for idleness, and for an ephemeral one.
pub(crate) async fn set_auto_pause(
    app: &App,
    sandbox: &SandboxRecord,
    auto_pause: AutoPause,
) -> Result<SandboxRecord, Error> {
    check_idle_timers(sandbox.auto_stop, auto_pause, sandbox.auto_delete)?;
    set(app, sandbox, Timers { auto_pause: Some(auto_pause), ..Timers::default() }).await
}

/// Says how long a sandbox stays stopped before it is archived.
pub(crate) async fn set_auto_archive(
    app: &App,
    sandbox: &SandboxRecord,
    auto_archive: AutoArchive,
) -> Result<SandboxRecord, Error> {
    set(app, sandbox, Timers { auto_archive: Some(auto_archive), ..Timers::default() }).await
}

/// Says how long a sandbox stays stopped before it is deleted.
///
/// # Errors
/// 400 if it becomes ephemeral while it is to be paused for idleness, and if a linked one would stop being ephemeral.
pub(crate) async fn set_auto_delete(
    app: &App,
    sandbox: &SandboxRecord,
    auto_delete: AutoDelete,
) -> Result<SandboxRecord, Error> {
    check_idle_timers(sandbox.auto_stop, sandbox.auto_pause, auto_delete)?;
    if sandbox.link.is_some() && auto_delete != AutoDelete::OnStop {
        return Err(Error::Invalid("a linked sandbox must stay ephemeral".to_owned()));
    }
    set(app, sandbox, Timers { auto_delete: Some(auto_delete), ..Timers::default() }).await
}

/// Says how long a sandbox lives from now on.
pub(crate) async fn set_time_to_live(
    app: &App,
    sandbox: &SandboxRecord,
    ttl: TimeToLive,
) -> Result<SandboxRecord, Error> {
    let now = clock::now();
    tell(app, sandbox, app.store.set_auto_destroy_at(sandbox.id, ttl.end(now), now).await?)
}

/// Says whether a sandbox's previews need no credential.
pub(crate) async fn set_public(
    app: &App,
    sandbox: &SandboxRecord,
    public: bool,
) -> Result<SandboxRecord, Error> {
    tell(app, sandbox, app.store.set_public(sandbox.id, public, clock::now()).await?)
}

/// Refuses timers that exclude each other (`spec/control-plane.md` D.4).
pub(super) fn check_idle_timers(
    auto_stop: AutoStop,
    auto_pause: AutoPause,
    auto_delete: AutoDelete,
) -> Result<(), Error> {
    let refuse = |message: &str| Err(Error::Invalid(message.to_owned()));
    match (auto_pause, auto_stop, auto_delete) {
        (AutoPause::Disabled, ..) => Ok(()),
        (AutoPause::After(_), AutoStop::After(_), _) => {
            refuse("autoStopInterval and autoPauseInterval cannot both be set: switch one off with 0")
        }
        (AutoPause::After(_), AutoStop::Disabled, AutoDelete::OnStop) => {
            refuse("an ephemeral sandbox cannot have an autoPauseInterval")
        }
        (AutoPause::After(_), AutoStop::Disabled, AutoDelete::Never | AutoDelete::After(_)) => Ok(()),
    }
}

async fn set(app: &App, sandbox: &SandboxRecord, timers: Timers) -> Result<SandboxRecord, Error> {
    tell(app, sandbox, app.store.set_timers(sandbox.id, timers, clock::now()).await?)
}

fn tell(app: &App, sandbox: &SandboxRecord, changed: Option<SandboxRecord>) -> Result<SandboxRecord, Error> {
    let record = changed.ok_or_else(|| not_found(&sandbox.id.to_string()))?;
    app.changes.refresh(&record);
    Ok(record)
}
