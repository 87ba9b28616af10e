//! `GET /files?path&depth`: what is in a directory, down to a depth.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use paddock_wire_toolbox::FileInfo;

use super::file_info::{Fields, file_info};
use crate::http::{ApiError, Client, Query, blocking};
use crate::toolbox::Shared;

pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    client: Client,
    query: Query,
) -> Result<Json<Vec<FileInfo>>, ApiError> {
    let path = shared.resolve(query.optional("path").unwrap_or("."));
    let depth = match query.optional("depth").map(str::parse::<u32>) {
        None => 1,
        Some(Ok(depth)) if depth >= 1 => depth,
        Some(_) => return Err(ApiError::bad_request("depth must be a positive whole number")),
    };
    let fields = if client.refuses_new_fields() { Fields::Old } else { Fields::All };
    blocking(move || {
        let mut found = Vec::new();
        let entries = sorted_names(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotADirectory => {
                ApiError::bad_request(format!("{} is not a directory", path.display()))
            }
            _ => ApiError::file(&path, &error),
        })?;
        walk(&path, entries, depth, fields, &mut found);
        Ok(Json(found))
    })
    .await
}

/// Appends the entries of a directory, each directory directly before its own entries.
///
/// Never fails: an entry that cannot be looked at (a link that leads nowhere, or one that was removed
/// meanwhile) is left out; a directory that cannot be read is listed without its entries. Links to
/// directories are listed and not entered, so it ends.
fn walk(directory: &Path, names: Vec<OsString>, depth: u32, fields: Fields, found: &mut Vec<FileInfo>) {
    for name in names {
        let path = directory.join(&name);
        let Ok(metadata) = std::fs::metadata(&path) else { continue };
        found.push(file_info(name.to_string_lossy().into_owned(), &path, &metadata, fields));
        if depth > 1 && metadata.is_dir() && !path.is_symlink() {
            walk(&path, sorted_names(&path).unwrap_or_default(), depth - 1, fields, found);
        }
    }
}

/// The names in a directory, ordered by their bytes.
fn sorted_names(directory: &Path) -> io::Result<Vec<OsString>> {
    let mut names =
        std::fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
    names.sort_unstable();
    Ok(names)
}
