//! One known server: running or not, with the documents that its clients have opened.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep_until};

use super::connection::{Connection, LspError};
use super::language::{Language, document_language};
use super::uri::uri_of;
use crate::files::read_text_file;
use crate::http::ApiError;
use crate::toolbox::Shared;

/// A server that nobody has asked for so long is shut down. Guessed: longer than an agent thinks, and its memory is
/// a good part of a small sandbox.
const IDLE_LIMIT: Duration = Duration::from_secs(600);

/// A known server.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) language: Language,
    language_id: String,
    pub(super) directory: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    connection: Option<Arc<Connection>>,
    /// Open documents and their versions, which go on over a restart.
    documents: BTreeMap<PathBuf, i32>,
    last_use: Option<Instant>,
}

impl Server {
    pub(super) fn new(language: Language, language_id: String, directory: PathBuf) -> Self {
        Self { language, language_id, directory, state: Mutex::default() }
    }

    /// The connection to the server, which is started if it does not run.
    pub(super) async fn connection(self: &Arc<Self>, shared: &Shared) -> Result<Arc<Connection>, LspError> {
        let mut state = self.state.lock().await;
        self.running(&mut state, shared).await
    }

    /// Opens a document as it is on disk, anew if it is open.
    pub(super) async fn open(self: &Arc<Self>, shared: &Shared, path: PathBuf) -> Result<(), ApiError> {
        let text = read_text_file(&path).await?;
        let mut state = self.state.lock().await;
        let connection = self.running(&mut state, shared).await?;
        let version = state.documents.get(&path).map_or(1, |version| version.saturating_add(1));
        if version > 1 {
            close_document(&connection, &path).await?;
        }
        self.open_document(&connection, &path, &text, version).await?;
        state.documents.insert(path, version);
        Ok(())
    }

    /// Closes a document. One that is not open is closed already.
    pub(super) async fn close(self: &Arc<Self>, shared: &Shared, path: &Path) -> Result<(), ApiError> {
        let mut state = self.state.lock().await;
        let connection = self.running(&mut state, shared).await?;
        if state.documents.remove(path).is_some() {
            close_document(&connection, path).await?;
        }
        Ok(())
    }

    /// The documents that are open.
    pub(super) async fn documents(&self) -> Vec<PathBuf> {
        self.state.lock().await.documents.keys().cloned().collect()
    }

    /// Shuts the server down, for good.
    pub(super) async fn stop(&self) {
        let mut state = self.state.lock().await;
        state.documents.clear();
        if let Some(connection) = state.connection.take() {
            connection.shut_down().await;
        }
    }

    async fn running(
        self: &Arc<Self>,
        state: &mut MutexGuard<'_, State>,
        shared: &Shared,
    ) -> Result<Arc<Connection>, LspError> {
        state.last_use = Some(Instant::now());
        if let Some(connection) = state.connection.as_ref().filter(|connection| !connection.has_ended()) {
            return Ok(Arc::clone(connection));
        }
        state.connection = None;
        let started =
            Connection::start(&shared.reaper, &shared.environment(), self.language, &self.directory).await?;
        let connection = Arc::new(started);
        for (path, version) in &state.documents {
            // What is not there any more stays away, and can still be closed.
            if let Ok(text) = read_text_file(path).await {
                self.open_document(&connection, path, &text, *version).await?;
            }
        }
        state.connection = Some(Arc::clone(&connection));
        tokio::spawn(watch_idleness(Arc::downgrade(self), Arc::downgrade(&connection)));
        Ok(connection)
    }

    async fn open_document(
        &self,
        connection: &Connection,
        path: &Path,
        text: &str,
        version: i32,
    ) -> Result<(), LspError> {
        let document = json!({
            "uri": uri_of(path),
            "languageId": document_language(&self.language_id, path),
            "version": version,
            "text": text,
        });
        connection.notify("textDocument/didOpen", json!({"textDocument": document})).await
    }
}

async fn close_document(connection: &Connection, path: &Path) -> Result<(), LspError> {
    let document = json!({"uri": uri_of(path)});
    connection.notify("textDocument/didClose", json!({"textDocument": document})).await
}

/// Shuts a server down when nobody has asked it for a while. Ends with the connection.
async fn watch_idleness(server: std::sync::Weak<Server>, connection: std::sync::Weak<Connection>) {
    let mut wake = Instant::now() + IDLE_LIMIT;
    loop {
        sleep_until(wake).await;
        let (Some(server), Some(connection)) = (server.upgrade(), connection.upgrade()) else { return };
        let mut state = server.state.lock().await;
        let is_same = state.connection.as_ref().is_some_and(|known| Arc::ptr_eq(known, &connection));
        if !is_same || connection.has_ended() {
            return;
        }
        wake = state.last_use.unwrap_or(wake) + IDLE_LIMIT;
        // Besides this one and the server's own: a request under way.
        let is_in_use = Arc::strong_count(&connection) > 2;
        if wake <= Instant::now() && !is_in_use {
            state.connection = None;
            connection.shut_down().await;
            return;
        }
        wake = wake.max(Instant::now() + Duration::from_secs(1));
    }
}
