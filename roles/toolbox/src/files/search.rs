//! `GET /files/search?path&pattern`: everything under a path whose name matches a glob.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::glob::Glob;
use super::walk::Walk;
use crate::http::{ApiError, Query, json_list};
use crate::toolbox::Shared;

pub(crate) async fn search(State(shared): State<Arc<Shared>>, query: Query) -> Result<Response, ApiError> {
    let shown = query.required("path")?.to_owned();
    let pattern = Glob::parse(query.required("pattern")?);
    let path = shared.resolve(&shown);
    Ok(json_list(r#"{"files":"#, "}", move |files| {
        // A malformed pattern finds nothing, as a root that is not there.
        let Some(pattern) = pattern else { return Ok(()) };
        for found in Walk::new(&path, &shown) {
            files.check()?;
            let is_match =
                found.path.file_name().is_some_and(|name| pattern.matches(&name.to_string_lossy()));
            if is_match {
                files.push(&found.shown.to_string_lossy())?;
            }
        }
        Ok(())
    }))
}
