//! `GET /files?path&depth`: what is in a directory, down to a depth.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use paddock_wire_toolbox::FileInfo;

use super::file_info::{Fields, file_info};
use super::walk::sorted_names;
use crate::http::{ApiError, Client, Query, blocking};
use crate::toolbox::Shared;

pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    client: Client,
    query: Query,
) -> Result<Json<Vec<FileInfo>>, ApiError> {
    let path = shared.resolve(query.optional("path").unwrap_or("."));
    let depth = match query.optional("depth").map(str::parse::<usize>) {
        None => 1,
        Some(Ok(depth)) if depth >= 1 => depth,
        Some(_) => return Err(ApiError::bad_request("depth must be a positive whole number")),
    };
    let fields = if client.refuses_new_fields() { Fields::Old } else { Fields::All };
    blocking(move || {
        let names = sorted_names(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotADirectory => {
                ApiError::bad_request(format!("{} is not a directory", path.display()))
            }
            _ => ApiError::file(&path, &error),
        })?;
        Ok(Json(walk(path, names, depth, fields)))
    })
    .await
}

/// A directory that is being listed.
struct Open {
    path: PathBuf,
    /// What is left to list, in order.
    names: std::vec::IntoIter<OsString>,
}

/// The entries of a directory, each directory directly before its own entries.
///
/// Never fails: an entry that cannot be looked at (a link that leads nowhere, or one that was removed
/// meanwhile) is left out; a directory that cannot be read is listed without its entries. Links to
/// directories are listed and not entered, so it ends. Does not recurse: see [`super::tree`].
fn walk(top: PathBuf, names: Vec<OsString>, depth: usize, fields: Fields) -> Vec<FileInfo> {
    let mut found = Vec::new();
    let mut open = vec![Open { path: top, names: names.into_iter() }];
    while let Some(directory) = open.last_mut() {
        let Some(name) = directory.names.next() else {
            open.pop();
            continue;
        };
        let path = directory.path.join(&name);
        let Ok(metadata) = std::fs::metadata(&path) else { continue };
        found.push(file_info(name.to_string_lossy().into_owned(), &path, &metadata, fields));
        if open.len() < depth && metadata.is_dir() && !path.is_symlink() {
            let names = sorted_names(&path).unwrap_or_default().into_iter();
            open.push(Open { path, names });
        }
    }
    found
}
