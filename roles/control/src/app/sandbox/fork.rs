//! Forks: another sandbox with a copy of the files, and who descends from whom.

use paddock_planner::request::Call;
use paddock_store::SandboxRecord;
use paddock_store::sandbox::{ForkOutcome, SandboxStatus};
use paddock_types::{SandboxId, SandboxName, TaskKind};

use super::change::{TRIES, first_attempt, follow_up, judge, moved};
use super::commit;
use super::hold::Hold;
use crate::app::{App, Error};
use crate::auth::extract::not_found;
use crate::auth::secret;
use crate::clock;

/// The most ancestors that are told of (`spec/control-plane.md` B.3).
const MOST_ANCESTORS: usize = 50;

/// Makes a sandbox of the files of another, started or stopped, and waits for it as creating does. The parent goes on
/// as it was after a moment.
///
/// # Errors
/// 409 while something else is under way or when the name is taken, 400 in another state and for a linked sandbox.
pub(crate) async fn fork(
    app: &App,
    mut parent: SandboxRecord,
    name: Option<String>,
) -> Result<SandboxRecord, Error> {
    if parent.link.is_some() {
        // Its forks would keep it from ending with its target.
        return Err(Error::Invalid("a linked sandbox cannot be forked".to_owned()));
    }
    let name = name.map(SandboxName::try_from).transpose();
    let name = name.map_err(|error| Error::Invalid(error.to_string()))?;
    let id = SandboxId::random();
    let name = name.map_or_else(|| id.to_string(), String::from);
    let hold = Hold::begin(app, id);
    for _ in 0..TRIES {
        // A fork is never there already: `None` does not come.
        let Some(planned) = judge(Call::Fork, &parent)? else { return Ok(parent) };
        let task = first_attempt(TaskKind::Fork { child: id });
        let status = SandboxStatus { task: Some(task), ..moved(app, &parent, Call::Fork, planned) };
        let child = child_of(app, &parent, id, name.clone());
        match commit::fork(app, &parent, status, child.clone()).await? {
            ForkOutcome::Done(changed) => {
                follow_up(app, &parent, &changed, Call::Fork)?;
                app.queue.wake(id);
                return hold.until_started(child).await;
            }
            ForkOutcome::NameTaken => {
                return Err(Error::Conflict(format!("sandbox with name {name:?} already exists")));
            }
            ForkOutcome::ParentChanged => {}
        }
        let gone = || not_found(&parent.id.to_string());
        parent = app.store.load_sandbox(parent.id).await?.ok_or_else(gone)?;
    }
    Err(Error::Conflict("sandbox is being changed by others: try again".to_owned()))
}

fn child_of(app: &App, parent: &SandboxRecord, id: SandboxId, name: String) -> SandboxRecord {
    let now = clock::now();
    let resources = parent.status.resources;
    let wished = SandboxStatus::wished(app.first_generation(), resources, secret::auth_token(), now);
    SandboxRecord {
        id,
        name,
        parent: Some(parent.id),
        created_at: now,
        last_activity_at: now,
        status: SandboxStatus { awaits_parent: true, ..wished },
        version: 1,
        warm_pool: None,
        link: None,
        ..parent.clone()
    }
}

/// The sandbox that this one was forked from, unless that is gone.
///
/// # Errors
/// 404 when there is none.
pub(crate) async fn parent(app: &App, sandbox: &SandboxRecord) -> Result<SandboxRecord, Error> {
    let found = match sandbox.parent {
        Some(parent) => {
            app.store.load_sandbox(parent).await?.filter(|found| found.status.destroyed_at.is_none())
        }
        None => None,
    };
    found.ok_or_else(|| Error::NotFound(format!("sandbox {} has no parent", sandbox.id)))
}

/// Whom this one descends from, the oldest first, as far as they are on record; at most fifty.
pub(crate) async fn ancestors(app: &App, sandbox: &SandboxRecord) -> Result<Vec<SandboxRecord>, Error> {
    let mut ancestors = Vec::new();
    let mut next = sandbox.parent;
    while let Some(id) = next.filter(|_| ancestors.len() < MOST_ANCESTORS) {
        let Some(found) = app.store.load_sandbox(id).await? else { break };
        next = found.parent;
        ancestors.push(found);
    }
    ancestors.reverse();
    Ok(ancestors)
}
