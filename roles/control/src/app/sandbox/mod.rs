//! Sandboxes: what users do with them. What follows from it is the reconciler's.

pub(crate) mod build;
pub(crate) mod change;
pub(crate) mod commit;
pub(crate) mod create;
pub(crate) mod fork;
pub(crate) mod hold;
pub(crate) mod link;
pub(crate) mod list;
pub(crate) mod settings;
pub(crate) mod snapshot;

use std::collections::BTreeMap;

use paddock_planner::Retention;
use paddock_store::SandboxRecord;
use paddock_types::{AutoDelete, SandboxId};

use super::{App, Error};
use crate::auth::extract::not_found;
use crate::clock;

/// The most labels of a sandbox. Ours: the reference names no limit, and each costs a row.
const MOST_LABELS: usize = 1000;

/// Whether a sandbox outlives its stopping.
pub(crate) fn retention(sandbox: &SandboxRecord) -> Retention {
    match sandbox.auto_delete {
        AutoDelete::OnStop => Retention::Ephemeral,
        AutoDelete::Never | AutoDelete::After(_) => Retention::Keep,
    }
}

/// Replaces all labels; the last writer wins.
pub(crate) async fn replace_labels(
    app: &App,
    id: SandboxId,
    labels: BTreeMap<String, String>,
) -> Result<SandboxRecord, Error> {
    check_labels(&labels)?;
    let replaced = app.store.replace_labels(id, labels, clock::now()).await?;
    let record = replaced.ok_or_else(|| not_found(&id.to_string()))?;
    app.changes.refresh(&record);
    Ok(record)
}

/// Notes that a sandbox was used just now.
pub(crate) fn touch(app: &App, id: SandboxId) {
    app.activity.sandbox_used(id, clock::now());
}

fn check_labels(labels: &BTreeMap<String, String>) -> Result<(), Error> {
    if labels.len() > MOST_LABELS {
        return Err(Error::Invalid(format!("labels must have at most {MOST_LABELS} entries")));
    }
    Ok(())
}
