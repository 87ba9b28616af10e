//! Builds: from a Dockerfile and its contexts to a root file system.
//!
//! ```text
//!  Dockerfile ─▶ stages ─▶ engine ── for each instruction that makes files: cached? ──▶ its layer
//!                             │                                     │ no
//!                             │                bench: a sandbox on the layers so far, the step inside it,
//!                             │                       its files written out as a snapshot of the workshop
//!                             └──▶ log
//! ```
//!
//! What runs in a build is a stranger's code and runs where strangers' code runs: in a sandbox, under the same walls and limits
//! as any other. What is kept of a step is a snapshot, like that of any sandbox. Both belong to the organization's workshop
//! (`store/src/workshop.rs`), so no list, limit or listener of the organization's ever meets them. Why so:
//! `docs/decisions/0028-builds-are-chains-of-sandboxes.md`.
//!
//! A build is in no record. It is wanted by snapshots and sandboxes, which name it; as long as one of them does, it runs, and
//! after a restart it runs again, from the last layer that was kept. Two that ask for the same build of one organization wait
//! for one. What nobody wants any more is ended.

mod archive;
mod bench;
mod context;
mod copy;
mod engine;
pub(crate) mod log;
mod run;
mod sum;
mod toolbox;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use paddock_store::{Made, StoreError};
use paddock_types::{BuildInfo, OrganizationId, SandboxId, VolumeId};
use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;

use crate::app::{self, App};
use log::Logs;

pub(crate) use sum::reference;

/// The most builds at once. Others wait their turn.
const MOST_AT_ONCE: usize = 8;
/// How long a build may take (`spec/control-plane.md` D.4: 60 minutes, of which the record's own clock takes the last).
const LIMIT: Duration = Duration::from_secs(58 * 60);
/// The most layers that are kept of one organization's builds; those that were used last stay.
pub(crate) const MOST_KEPT: u64 = 1000;

/// One build: whose, and of what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// Whose.
    pub(crate) organization: OrganizationId,
    /// What: equal Dockerfiles with equal contexts have one reference.
    pub(crate) reference: String,
}

/// Why nothing came of a build. The text is for its owner.
#[derive(Debug, Clone)]
pub(crate) struct Error(pub(crate) String);

impl Error {
    fn of_user(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    fn of_store(error: StoreError) -> Self {
        tracing::warn!(error = app::error::chain(&error), "a build could not ask the store");
        Self("the build was cut short: try again".to_owned())
    }

    fn of_app(error: app::Error) -> Self {
        use app::Error as E;
        match error {
            E::NotFound(text)
            | E::Conflict(text)
            | E::Invalid(text)
            | E::Unsupported(text)
            | E::Forbidden(text)
            | E::Full(text) => Self(text),
            other => {
                tracing::warn!(error = ?other, "a build was cut short");
                Self("the build was cut short: try again".to_owned())
            }
        }
    }
}

/// How a build ended. `None`: it has not.
pub(crate) type Outcome = Option<Result<Made, Error>>;

/// The builds under way, and what they said.
pub(crate) struct Builds {
    running: Mutex<HashMap<Key, Running>>,
    slots: Arc<Semaphore>,
    /// Those that use a cache alone, one after the other.
    caches: Mutex<HashMap<VolumeId, Arc<tokio::sync::Mutex<()>>>>,
    /// Where contexts lie while a build runs.
    work: PathBuf,
    pub(crate) logs: Arc<Logs>,
}

struct Running {
    outcome: watch::Receiver<Outcome>,
    task: AbortHandle,
}

impl Builds {
    /// Everything lies beneath `directory`, which is this process's own.
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self {
            running: Mutex::default(),
            slots: Arc::new(Semaphore::new(MOST_AT_ONCE)),
            caches: Mutex::default(),
            work: directory.join("work"),
            logs: Arc::new(Logs::new(directory.join("logs"))),
        }
    }

    /// Removes what builds of an earlier process left. Blocks.
    pub(crate) fn clear(&self) -> std::io::Result<()> {
        match std::fs::remove_dir_all(&self.work) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::fs::create_dir_all(&self.work)
    }

    /// Ends the builds that nobody wants any more, and forgets those that have ended: whoever wanted them has been told, and
    /// who asks again shall not hear of an old failure, nor of layers that may be gone.
    pub(crate) fn keep_only(&self, wanted: &HashSet<Key>) {
        self.running().retain(|key, running| {
            let is_wanted = wanted.contains(key);
            if !is_wanted {
                running.task.abort();
            }
            is_wanted && running.outcome.borrow().is_none()
        });
    }

    fn running(&self) -> MutexGuard<'_, HashMap<Key, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cache_lock(&self, volume: VolumeId) -> Arc<tokio::sync::Mutex<()>> {
        let mut caches = self.caches.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(caches.entry(volume).or_default())
    }
}

/// How far a build is, which is begun unless it runs or has just ended. `woken` is rung at its end.
pub(crate) fn ensure(app: &App, organization: OrganizationId, info: &BuildInfo) -> Outcome {
    let key = Key { organization, reference: info.reference.clone() };
    let mut running = app.builds.running();
    if let Some(known) = running.get(&key) {
        return known.outcome.borrow().clone();
    }
    let (tell, outcome) = watch::channel(None);
    let (app_, key_, info) = (app.clone(), key.clone(), info.clone());
    let task = tokio::spawn(async move {
        let app = app_;
        let slot = Arc::clone(&app.builds.slots).acquire_owned().await;
        let mut log = app.builds.logs.begin(&key_).await;
        let built = tokio::time::timeout(LIMIT, engine::build(&app, organization, &info, &mut log)).await;
        let built = built.unwrap_or_else(|_| Err(Error::of_user("the build took longer than an hour")));
        match &built {
            Ok(_) => log.line(&format!("built {}", info.reference)).await,
            Err(Error(reason)) => log.line(&format!("ERROR: {reason}")).await,
        }
        tracing::info!(
            organization.id = %organization,
            reference = info.reference,
            reason = built.as_ref().err().map(|error| error.0.as_str()),
            "a build has ended"
        );
        drop((log, slot));
        tell.send_replace(Some(built));
        app.images.notify_one();
    });
    running.insert(key, Running { outcome, task: task.abort_handle() });
    None
}

/// Removes the sandboxes that builds of an earlier process left: nobody runs those builds any more.
pub(crate) async fn clear_workshops(app: &App) -> Result<(), StoreError> {
    let left: Vec<SandboxId> = app.store.sandboxes_of_workshops().await?;
    for id in left {
        bench::remove(app, id).await;
    }
    let workshops: HashSet<OrganizationId> = app.store.workshops().await?.into_iter().collect();
    for snapshot in app.store.unready_snapshots().await? {
        if let Some(owner) = snapshot.organization.filter(|owner| workshops.contains(owner)) {
            let removed = app.store.remove_snapshot(owner, snapshot.id).await?;
            tracing::debug!(snapshot.id = %snapshot.id, found = removed.is_some(), "an image that a build was fetching is let go");
        }
    }
    Ok(())
}
