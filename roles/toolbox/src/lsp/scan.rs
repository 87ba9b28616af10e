//! Symbols of a project whose server has no such request: that of Python has none, and its users expect them.
//!
//! The symbols of open documents and of the project's source files are asked for one by one, within bounds. A file
//! whose text does not hold the name cannot define it and is not asked for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use paddock_wire_toolbox::LspSymbol;
use tokio::time::{Instant, timeout_at};

use super::connection::{Connection, LspError};
use super::document_symbols::symbols_of;
use super::language::Language;
use super::uri::uri_of;
use crate::files::{Walk, read_text_file};
use crate::http::blocking;

/// The bounds (`spec/toolbox.md` F): what a scan has found by then is its answer.
const MOST_FILES: usize = 2000;
const PATIENCE: Duration = Duration::from_secs(5);
/// Directories that hold other people's sources.
const FOREIGN: [&str; 8] =
    ["node_modules", "site-packages", "__pycache__", "venv", ".venv", "target", "vendor", "dist"];

/// The symbols whose names hold `wanted` in any case.
pub(super) async fn symbols(
    connection: &Connection,
    directory: &Path,
    language: Language,
    documents: Vec<PathBuf>,
    wanted: &str,
) -> Result<Vec<LspSymbol>, LspError> {
    let deadline = Instant::now() + PATIENCE;
    let wanted = wanted.to_lowercase();
    let mut files = documents;
    for source in sources(directory, language, MOST_FILES, deadline).await {
        if !files.contains(&source) {
            files.push(source);
        }
    }
    let mut found = Vec::new();
    for path in files {
        let looking = async {
            let text = read_text_file(&path).await.unwrap_or_default();
            if !text.to_lowercase().contains(&wanted) {
                return Ok(Vec::new());
            }
            symbols_of(connection, &uri_of(&path)).await
        };
        match timeout_at(deadline, looking).await {
            Ok(Ok(symbols)) => {
                found.extend(
                    symbols.into_iter().filter(|symbol| symbol.name.to_lowercase().contains(&wanted)),
                );
            }
            // What cannot be read as the language has no symbols; a server that is gone has no more answers.
            Ok(Err(LspError::Refused(_))) => {}
            Ok(Err(error)) => return Err(error),
            Err(_) => break,
        }
    }
    Ok(found)
}

/// Some source file of the project.
pub(super) async fn first_source(directory: &Path, language: Language) -> Option<PathBuf> {
    sources(directory, language, 1, Instant::now() + PATIENCE).await.pop()
}

/// The project's source files, at most `most`, less what is hidden or others' work.
async fn sources(directory: &Path, language: Language, most: usize, deadline: Instant) -> Vec<PathBuf> {
    let directory = directory.to_owned();
    let found = blocking(move || {
        let is_source = |path: &Path| {
            let ending = path.extension().and_then(|ending| ending.to_str());
            ending.is_some_and(|ending| language.endings.contains(&ending))
        };
        let mut walk = Walk::new(&directory, "");
        walk.leave_out(|name| {
            name.to_str().is_none_or(|name| name.starts_with('.') || FOREIGN.contains(&name))
        });
        let in_time = walk.take_while(|_| Instant::now() < deadline);
        let files = in_time.filter(|found| found.metadata.is_file() && is_source(&found.path));
        Ok(files.map(|found| found.path).take(most).collect())
    });
    found.await.unwrap_or_default()
}
