//! Which sessions there are.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use paddock_wire_toolbox::Session as Listed;

use super::command::Command;
use super::directory::Root;
use super::entrypoint;
use super::session::Session;
use crate::http::ApiError;
use crate::toolbox::Shared;

/// The id of the session in which the image's program runs. No other may have it.
pub(super) const ENTRYPOINT: &str = "entrypoint";

/// All sessions of a toolbox.
#[derive(Debug)]
pub(crate) struct Sessions {
    root: Arc<Root>,
    by_id: Mutex<ById>,
    /// Set once, when the toolbox starts, if it has an entrypoint at all.
    entrypoint: OnceLock<Arc<Command>>,
}

#[derive(Debug, Default)]
struct ById {
    /// `None` while a session is being started: its id is taken.
    sessions: HashMap<String, Option<Arc<Session>>>,
    made: u64,
}

impl Sessions {
    /// Without any; their files go into the first of `directories` that can be written. `clear` removes those of an earlier daemon, where no other can be running.
    pub(crate) fn new(directories: Vec<PathBuf>, clear: bool) -> Self {
        let root = Arc::new(Root::new(directories, clear));
        Self { root, by_id: Mutex::default(), entrypoint: OnceLock::new() }
    }

    /// Starts the image's program as the one command of its session; without arguments nothing runs in
    /// it. To be called once. Must be called inside a runtime.
    pub(crate) fn start_entrypoint(&self, arguments: Vec<OsString>, shared: &Arc<Shared>) {
        self.entrypoint.get_or_init(|| entrypoint::start(arguments, Arc::clone(&self.root), shared));
    }

    /// The command of the entrypoint's session, if there is one.
    pub(super) fn entrypoint(&self) -> Result<Arc<Command>, ApiError> {
        let command = self.entrypoint.get().cloned();
        command.ok_or_else(|| ApiError::not_found("the sandbox has no entrypoint session"))
    }

    /// Starts a session in `start`.
    pub(super) async fn create(&self, id: String, start: &Path, shared: &Shared) -> Result<(), ApiError> {
        let order = self.reserve(&id)?;
        let root = Arc::clone(&self.root);
        // It fails only when the daemon ends.
        let directory = tokio::task::spawn_blocking(move || root.make()).await.ok().flatten();
        let started = Session::start(id.clone(), order, directory, start, shared).await;
        let mut by_id = self.lock();
        match started {
            Ok(session) => {
                by_id.sessions.insert(id, Some(session));
                Ok(())
            }
            Err(error) => {
                by_id.sessions.remove(&id);
                Err(error)
            }
        }
    }

    /// Takes an id for a session that is about to start, and gives it its place in the order.
    fn reserve(&self, id: &str) -> Result<u64, ApiError> {
        let mut by_id = self.lock();
        match by_id.sessions.entry(id.to_owned()) {
            Entry::Occupied(_) => return Err(ApiError::conflict(format!("session already exists: {id}"))),
            Entry::Vacant(place) => place.insert(None),
        };
        by_id.made += 1;
        Ok(by_id.made)
    }

    pub(super) fn get(&self, id: &str) -> Result<Arc<Session>, ApiError> {
        self.lock().sessions.get(id).cloned().flatten().ok_or_else(|| not_found(id))
    }

    /// Takes a session off the list. Its id is free again.
    pub(super) fn take(&self, id: &str) -> Result<Arc<Session>, ApiError> {
        match self.lock().sessions.entry(id.to_owned()) {
            Entry::Occupied(place) if place.get().is_some() => place.remove().ok_or_else(|| not_found(id)),
            _ => Err(not_found(id)),
        }
    }

    pub(super) fn list(&self) -> Vec<Listed> {
        let mut sessions: Vec<_> = self.lock().sessions.values().flatten().cloned().collect();
        sessions.sort_by_key(|session| session.order);
        sessions.iter().map(|session| session.listed()).collect()
    }

    /// A command of a session.
    pub(super) fn command(
        &self,
        session: &str,
        command: &str,
    ) -> Result<(Arc<Session>, Arc<Command>), ApiError> {
        let session = self.get(session)?;
        let found = session.command(command);
        let found =
            found.ok_or_else(|| ApiError::not_found(format!("no command {command} in the session")))?;
        Ok((session, found))
    }

    /// Removes all files. For the end of the toolbox. Blocks.
    pub(crate) fn remove_files(&self) {
        for session in self.lock().sessions.values().flatten() {
            session.remove_files();
        }
    }

    fn lock(&self) -> MutexGuard<'_, ById> {
        // A panic while it was held cannot have left it half changed.
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_found(id: &str) -> ApiError {
    ApiError::not_found(format!("session not found: {id}"))
}
