//! Waiting for a sandbox with the caller's request open.
//!
//! Most sandboxes start in less time than a client needs to ask again, so the answer waits a while.
//! Nothing is held meanwhile: no transaction, no connection, no lock.

use std::sync::Arc;
use std::time::Duration;

use paddock_store::SandboxRecord;
use paddock_types::{DesiredState, SandboxId, SandboxState};
use tokio::time::{Instant, interval_at, timeout_at};

use crate::app::changes::Watcher;
use crate::app::{App, Error};

/// How long an answer waits (`spec/control-plane.md` G.5).
const LONGEST: Duration = Duration::from_secs(30);
/// How often the record is looked at, should a change have been made by another process.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A wait for one sandbox. Begun before the wish is recorded, so that no change is missed.
pub(crate) struct Hold<'a> {
    app: &'a App,
    watcher: Watcher<'a>,
    end: Instant,
}

impl<'a> Hold<'a> {
    /// Begins to watch; the time runs from here.
    pub(crate) fn begin(app: &'a App, id: SandboxId) -> Self {
        Self { app, watcher: app.changes.watch(id), end: Instant::now() + LONGEST }
    }

    /// Waits until the wish to start is fulfilled, has failed or was replaced, or time is up. Gives
    /// back the record as it then is.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the reason when the sandbox failed, or ended by itself, meanwhile.
    pub(crate) async fn until_started(mut self, mut record: SandboxRecord) -> Result<SandboxRecord, Error> {
        self.wait_while(&mut record, is_pending).await;
        outcome(record)
    }

    /// Waits until what is believed of a started sandbox is confirmed, or its record says otherwise, or time is up.
    /// Gives back the record as it then is.
    ///
    /// # Errors
    /// As [`Hold::until_started`].
    pub(crate) async fn until_confirmed(
        mut self,
        mut record: SandboxRecord,
        is_confirmed: impl Fn() -> bool,
    ) -> Result<SandboxRecord, Error> {
        let believed = record.status.generation;
        let is_open = |record: &SandboxRecord| {
            let is_believed = record.status.generation == believed && record.status.is_settled();
            is_believed && record.status.state == SandboxState::Started && !is_confirmed()
        };
        self.wait_while(&mut record, is_open).await;
        outcome(record)
    }

    /// Takes in changes of the record, as long as `is_open` says that it is not yet enough.
    async fn wait_while(&mut self, record: &mut SandboxRecord, is_open: impl Fn(&SandboxRecord) -> bool) {
        let mut looks = interval_at(Instant::now() + LOOK_AGAIN, LOOK_AGAIN);
        while is_open(record) {
            let Self { app, watcher, end } = self;
            let next = async {
                tokio::select! {
                    news = watcher.next() => Some(news),
                    _ = looks.tick() => look(app, record.id).await.map(Arc::new),
                }
            };
            match timeout_at(*end, next).await {
                Ok(Some(news)) => *record = Arc::unwrap_or_clone(news),
                Ok(None) => {}
                Err(_) => break,
            }
        }
    }
}

/// What is answered after a wait.
fn outcome(record: SandboxRecord) -> Result<SandboxRecord, Error> {
    match record.status.state {
        SandboxState::Error if record.status.desired == DesiredState::Started => {
            Err(Error::Invalid(reason(&record, "the sandbox failed to start")))
        }
        SandboxState::Stopped => {
            Err(Error::Invalid(reason(&record, "the sandbox stopped while it was starting")))
        }
        _ => Ok(record),
    }
}

/// The record as another process may have left it. A store that is away is asked again later.
async fn look(app: &App, id: SandboxId) -> Option<SandboxRecord> {
    app.store.load_sandbox(id).await.ok().flatten()
}

fn is_pending(record: &SandboxRecord) -> bool {
    record.status.desired == DesiredState::Started && !record.status.is_settled()
}

fn reason(record: &SandboxRecord, otherwise: &str) -> String {
    record.status.error_reason.clone().unwrap_or_else(|| otherwise.to_owned())
}
