//! `GET /files/info?path`: one file, symlinks followed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use paddock_wire_toolbox::FileInfo;

use super::file_info::{Fields, base_name, file_info};
use crate::http::{ApiError, Client, Query, blocking};
use crate::toolbox::Shared;

pub(crate) async fn info(
    State(shared): State<Arc<Shared>>,
    client: Client,
    query: Query,
) -> Result<Json<FileInfo>, ApiError> {
    let asked = query.required("path")?.to_owned();
    let path = shared.resolve(&asked);
    let fields = if client.refuses_new_fields() { Fields::Old } else { Fields::All };
    blocking(move || {
        let metadata = std::fs::metadata(&path).map_err(|error| ApiError::file(&path, &error))?;
        Ok(Json(file_info(base_name(&asked).to_owned(), &path, &metadata, fields)))
    })
    .await
}
