//! `POST /files/upload-v2?path` and its predecessor: one file, as a form or as the bare body.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use paddock_wire_toolbox::UploadedFile;

use super::file_info::base_name;
use super::multipart::{Event, Form};
use super::receive::{Receiving, reason_at};
use crate::http::{ApiError, Query, drain};
use crate::toolbox::Shared;

/// The name of the part that is the file.
const FILE_PART: &str = "file";

/// A form with one part named `file`, or any other content type: then the body is the file.
pub(crate) async fn upload(
    State(shared): State<Arc<Shared>>,
    query: Query,
    request: Request,
) -> Result<Json<UploadedFile>, ApiError> {
    let asked = receive(&shared, &query, request, BareBody::IsTheFile).await?;
    Ok(Json(UploadedFile { name: base_name(&asked).to_owned(), path: asked, kind: FILE_PART.to_owned() }))
}

/// The old operation: only a form, and no body in the answer.
pub(crate) async fn upload_legacy(
    State(shared): State<Arc<Shared>>,
    query: Query,
    request: Request,
) -> Result<StatusCode, ApiError> {
    receive(&shared, &query, request, BareBody::IsRefused).await?;
    Ok(StatusCode::OK)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BareBody {
    IsTheFile,
    IsRefused,
}

/// Stores the file and gives back its path as it was asked for. Reads the whole body in any case.
async fn receive(
    shared: &Shared,
    query: &Query,
    request: Request,
    bare: BareBody,
) -> Result<String, ApiError> {
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.map(str::to_owned);
    let asked = match query.required("path") {
        Ok(path) => path.to_owned(),
        Err(error) => {
            drain(request.into_body()).await;
            return Err(error);
        }
    };
    let path = shared.resolve(&asked);
    match Form::new(content_type.as_deref(), request.into_body()) {
        Ok(mut form) => {
            let result = receive_form(&mut form, path).await;
            form.drain().await;
            result?;
        }
        Err(body) if bare == BareBody::IsTheFile && !claims_to_be_a_form(content_type.as_deref()) => {
            receive_body(body, path).await?;
        }
        Err(body) => {
            drain(body).await;
            return Err(ApiError::bad_request("invalid multipart form"));
        }
    }
    Ok(asked)
}

fn claims_to_be_a_form(content_type: Option<&str>) -> bool {
    content_type.is_some_and(|text| text.trim_start().to_ascii_lowercase().starts_with("multipart/form-data"))
}

async fn receive_form(form: &mut Form, path: PathBuf) -> Result<(), ApiError> {
    let malformed = |error: super::multipart::MultipartError| ApiError::bad_request(error.to_string());
    loop {
        match form.next().await.map_err(malformed)? {
            Event::Part(Some(name)) if name == FILE_PART => break,
            Event::End => return Err(ApiError::bad_request("the form has no part named \"file\"")),
            _ => {}
        }
    }
    let failed = |error| ApiError::bad_request(reason_at(&path, &error));
    let mut file = Receiving::begin(path.clone()).await.map_err(failed)?;
    loop {
        match form.next().await.map_err(malformed)? {
            Event::Data(bytes) => file = file.push(bytes).await.map_err(failed)?,
            // The form must be whole, too; a second file would have no path of its own.
            Event::PartEnd => break,
            Event::Part(_) | Event::End => return Err(ApiError::bad_request("invalid multipart form")),
        }
    }
    file.finish().await.map_err(failed)?;
    Ok(())
}

async fn receive_body(mut body: Body, path: PathBuf) -> Result<(), ApiError> {
    let failed = |error| ApiError::bad_request(reason_at(&path, &error));
    let mut file = match Receiving::begin(path.clone()).await {
        Ok(file) => file,
        Err(error) => {
            drain(body).await;
            return Err(failed(error));
        }
    };
    while let Some(frame) = body.frame().await {
        // Whoever cut the body short will not read this.
        let frame = frame.map_err(|_| ApiError::bad_request("the body is cut short"))?;
        let Ok(bytes) = frame.into_data() else { continue };
        file = match file.push(bytes).await {
            Ok(file) => file,
            Err(error) => {
                drain(body).await;
                return Err(failed(error));
            }
        };
    }
    file.finish().await.map_err(failed)?;
    Ok(())
}
