//! Which servers are known, and what requests may say of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use paddock_wire_toolbox::ErrorCode;

use super::connection::LspError;
use super::language::{self, Language};
use super::server::Server;
use crate::http::ApiError;
use crate::spawn::StartError;
use crate::toolbox::Shared;

/// A language and a project, as clients write them.
type Key = (String, String);

/// All servers that were started and not stopped.
#[derive(Debug, Default)]
pub(crate) struct Servers(Mutex<HashMap<Key, Arc<Server>>>);

impl Servers {
    /// The server of this language and project; 400 if it was not started.
    pub(super) fn find(&self, language_id: &str, project: &str) -> Result<Arc<Server>, ApiError> {
        let key = (language_id.to_owned(), project.to_owned());
        self.lock().get(&key).cloned().ok_or_else(|| {
            let message = format!("the language server for {language_id} in {project} has not been started");
            ApiError::new(ErrorCode::LspServerNotInitialized, message)
        })
    }

    /// The server of this language and project, known from now on if it was not.
    pub(super) fn find_or_add(
        &self,
        shared: &Shared,
        language_id: &str,
        project: &str,
    ) -> Result<Arc<Server>, ApiError> {
        let language = language::find(language_id)
            .ok_or_else(|| ApiError::bad_request(format!("unsupported language: {language_id:?}")))?;
        let key = (language_id.to_owned(), project.to_owned());
        let new = || {
            Arc::new(Server::new(
                language,
                language_id.to_owned(),
                super::uri::path_of(project, &shared.work_dir),
            ))
        };
        Ok(Arc::clone(self.lock().entry(key).or_insert_with(new)))
    }

    /// Forgets the server of this language and project.
    pub(super) fn remove(&self, language_id: &str, project: &str) -> Option<Arc<Server>> {
        self.lock().remove(&(language_id.to_owned(), project.to_owned()))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Arc<Server>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a client is told that a server could not be started.
pub(super) fn not_started(language: Language, error: LspError) -> ApiError {
    match error {
        LspError::Start(StartError::NotFound { program }) if !language.is_promised => {
            ApiError::bad_request(format!("unsupported language: {program} is not installed"))
        }
        LspError::Start(StartError::Directory { .. }) => ApiError::bad_request(error.to_string()),
        error => ApiError::internal(error.to_string()),
    }
}

impl From<LspError> for ApiError {
    fn from(error: LspError) -> Self {
        Self::bad_request(error.to_string())
    }
}
