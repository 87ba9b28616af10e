//! `DELETE /files?path&recursive`.

use std::path::Path;
use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;

use super::tree::remove;
use crate::http::{ApiError, Query, blocking};
use crate::toolbox::Shared;

/// Answers 204. A directory, even an empty one, and a link to one need `recursive`; of a link only the link
/// is removed. A link that leads nowhere is a thing that can be deleted.
pub(crate) async fn delete(State(shared): State<Arc<Shared>>, query: Query) -> Result<StatusCode, ApiError> {
    let path = shared.resolve(query.required("path")?);
    let is_recursive = query.is_set("recursive")?;
    if path == Path::new("/") {
        return Err(ApiError::bad_request("the root directory cannot be deleted"));
    }
    blocking(move || {
        let looks_like_directory = path.is_dir();
        if looks_like_directory && !is_recursive {
            return Err(ApiError::bad_request(format!(
                "{} is a directory: deleting it needs recursive=true",
                path.display()
            )));
        }
        remove(&path).map_err(|error| ApiError::file(&path, &error))?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}
