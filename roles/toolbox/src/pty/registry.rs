//! Which terminals there are.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use paddock_wire_toolbox::{ErrorCode, PtySessionInfo};
use rustix::process::{Signal, kill_process_group};

use super::options::Options;
use super::session::Session;
use crate::http::ApiError;

/// All terminals of a toolbox whose shells have not ended.
#[derive(Debug, Default)]
pub(crate) struct Terminals(Mutex<ById>);

#[derive(Debug, Default)]
struct ById {
    sessions: HashMap<String, Arc<Session>>,
    made: u64,
}

impl Terminals {
    /// Puts a terminal on the list whose shell has not been started.
    pub(super) fn create(&self, options: Options) -> Result<Arc<Session>, ApiError> {
        let mut by_id = self.lock();
        by_id.made += 1;
        let order = by_id.made;
        match by_id.sessions.entry(options.id.clone()) {
            Entry::Occupied(_) => {
                Err(ApiError::conflict(format!("PTY session already exists: {}", options.id)))
            }
            Entry::Vacant(place) => Ok(Arc::clone(place.insert(Session::new(options, order)))),
        }
    }

    pub(super) fn get(&self, id: &str) -> Result<Arc<Session>, ApiError> {
        self.lock().sessions.get(id).cloned().ok_or_else(|| not_found(id))
    }

    /// Takes a terminal off the list. Its id is free again.
    pub(super) fn take(&self, id: &str) -> Result<Arc<Session>, ApiError> {
        self.lock().sessions.remove(id).ok_or_else(|| not_found(id))
    }

    /// Takes this very terminal off the list, if it is still there.
    pub(super) fn remove(&self, session: &Session) {
        if let Entry::Occupied(place) = self.lock().sessions.entry(session.id().to_owned())
            && place.get().order == session.order
        {
            place.remove();
        }
    }

    pub(super) fn list(&self) -> Vec<PtySessionInfo> {
        let mut sessions: Vec<_> = self.lock().sessions.values().cloned().collect();
        sessions.sort_by_key(|session| session.order);
        sessions.iter().map(|session| session.info()).collect()
    }

    /// Tells every shell that its terminal is gone. For the end of the toolbox: interactive shells do not end
    /// when they are only asked to.
    pub(crate) fn hang_up(&self) {
        for leader in self.lock().sessions.values().filter_map(|session| session.leader()) {
            // Gone meanwhile, or of another user: either way nothing is left to do here.
            let _ = kill_process_group(leader, Signal::HUP);
        }
    }

    fn lock(&self) -> MutexGuard<'_, ById> {
        // A panic while it was held cannot have left it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_found(id: &str) -> ApiError {
    ApiError::new(ErrorCode::ProcessNotFound, format!("PTY session not found: {id}"))
}
