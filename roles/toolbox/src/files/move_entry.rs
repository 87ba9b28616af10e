//! `POST /files/move?source&destination`: rename, never onto something.

use std::io;
use std::path::Path;
use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::copy_tree::copy_tree;
use super::tree::remove;
use crate::http::{ApiError, Query, blocking};
use crate::toolbox::Shared;

pub(crate) async fn move_entry(
    State(shared): State<Arc<Shared>>,
    query: Query,
) -> Result<StatusCode, ApiError> {
    let source = shared.resolve(query.required("source")?);
    let destination = shared.resolve(query.required("destination")?);
    blocking(move || move_blocking(&source, &destination).map(|()| StatusCode::OK)).await
}

fn move_blocking(source: &Path, destination: &Path) -> Result<(), ApiError> {
    std::fs::symlink_metadata(source).map_err(|error| ApiError::file(source, &error))?;
    let at_destination = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            ApiError::conflict(format!("the destination {} already exists", destination.display()))
        }
        _ => ApiError::file(destination, &error),
    };
    match rename_without_replacing(source, destination) {
        // Another file system; or a directory from the image's layers, which overlayfs does not rename.
        Err(Errno::XDEV) => move_by_copying(source, destination, &at_destination),
        result => result.map_err(|error| at_destination(error.into())),
    }
}

/// Copies beside the destination, renames there, removes the source. What is at the destination is
/// always whole; if the source cannot be removed, it is the copy that goes again.
fn move_by_copying(
    source: &Path,
    destination: &Path,
    at_destination: &dyn Fn(io::Error) -> ApiError,
) -> Result<(), ApiError> {
    if destination.symlink_metadata().is_ok() {
        return Err(at_destination(Errno::EXIST.into()));
    }
    if destination.starts_with(source) {
        return Err(ApiError::bad_request("a directory cannot be moved into itself"));
    }
    let name = format!(".paddock-move-{}", uuid::Uuid::new_v4().simple());
    let copy = destination.with_file_name(name);
    let moved =
        copy_tree(source, &copy).map_err(|failed| ApiError::file(&failed.path, &failed.error)).and_then(
            |()| rename_without_replacing(&copy, destination).map_err(|error| at_destination(error.into())),
        );
    if moved.is_err() {
        // The first error is the one to tell.
        let _ = remove(&copy);
        return moved;
    }
    remove(source).map_err(|error| ApiError::file(source, &error))
}

/// Renames if nothing is at the destination. On a file system that cannot do so in one step, the look
/// and the rename are two.
fn rename_without_replacing(source: &Path, destination: &Path) -> Result<(), Errno> {
    match renameat_with(CWD, source, CWD, destination, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => {
            if destination.symlink_metadata().is_ok() {
                return Err(Errno::EXIST);
            }
            rustix::fs::rename(source, destination)
        }
        result => result,
    }
}
