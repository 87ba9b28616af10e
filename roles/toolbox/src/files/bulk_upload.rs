//! `POST /files/bulk-upload`: any number of files in one form.
//!
//! For each index there is a part `files[i].path` and a part `files[i].file`, the first somewhere
//! before the second: the Python client sends all paths first, others alternate.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use paddock_wire_toolbox::{BulkUploadFailure, DAEMON_SOURCE, ErrorCode, UploadFilesResponse, UploadedBytes};

use super::multipart::{Event, Form};
use super::receive::{Receiving, reason};
use crate::clock;
use crate::http::drain;
use crate::toolbox::Shared;

/// What all paths of a request may take in memory.
const LONGEST_PATHS: usize = 16 << 20;

/// 200 with every file, or 400 with the errors and the files that were stored all the same. A file
/// that fails does not stop the others.
pub(crate) async fn bulk_upload(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut upload =
        Upload { shared, paths: HashMap::new(), paths_bytes: 0, files: Vec::new(), errors: Vec::new() };
    match Form::new(content_type, body) {
        Ok(mut form) => {
            upload.receive(&mut form).await;
            form.drain().await;
        }
        Err(body) => {
            drain(body).await;
            upload.errors.push("invalid multipart form".to_owned());
        }
    }
    let Upload { files, errors, .. } = upload;
    if errors.is_empty() {
        return Json(UploadFilesResponse { files }).into_response();
    }
    let failure = BulkUploadFailure {
        message: errors.join(", "),
        errors,
        files,
        status_code: 400,
        code: ErrorCode::BadRequest,
        source: DAEMON_SOURCE.to_owned(),
        timestamp: clock::now(),
        path: head.uri.path().to_owned(),
        method: head.method.to_string(),
    };
    (StatusCode::BAD_REQUEST, Json(failure)).into_response()
}

/// A request under way.
struct Upload {
    shared: Arc<Shared>,
    /// The paths that have come, by index. Indexes are whatever the client writes.
    paths: HashMap<String, String>,
    paths_bytes: usize,
    files: Vec<UploadedBytes>,
    errors: Vec<String>,
}

/// What becomes of the part that is being read.
enum Part {
    Path {
        index: String,
        text: Vec<u8>,
    },
    File {
        path: String,
        file: Receiving,
    },
    /// Of no interest, or has failed and been told.
    Ignored,
}

impl Upload {
    async fn receive(&mut self, form: &mut Form) {
        let mut part = Part::Ignored;
        loop {
            part = match form.next().await {
                Ok(Event::Part(name)) => self.begin(name.as_deref().unwrap_or_default()).await,
                Ok(Event::Data(bytes)) => self.take(part, bytes).await,
                Ok(Event::PartEnd) => {
                    self.finish(part).await;
                    Part::Ignored
                }
                Ok(Event::End) => return,
                Err(error) => {
                    self.errors.push(match part {
                        Part::File { path, .. } => format!("{path}: {error}"),
                        Part::Path { .. } | Part::Ignored => error.to_string(),
                    });
                    return;
                }
            }
        }
    }

    async fn begin(&mut self, name: &str) -> Part {
        let Some((index, field)) = name.strip_prefix("files[").and_then(|rest| rest.split_once("].")) else {
            return Part::Ignored;
        };
        match field {
            "path" => Part::Path { index: index.to_owned(), text: Vec::new() },
            "file" => match self.paths.get(index).cloned() {
                Some(path) => match Receiving::begin(self.shared.resolve(&path)).await {
                    Ok(file) => Part::File { path, file },
                    Err(error) => self.failed(&path, &error),
                },
                None => {
                    self.errors.push(format!("files[{index}].file: no path came before it"));
                    Part::Ignored
                }
            },
            _ => Part::Ignored,
        }
    }

    async fn take(&mut self, part: Part, bytes: Bytes) -> Part {
        match part {
            Part::Path { index, mut text } => {
                self.paths_bytes += bytes.len();
                if self.paths_bytes > LONGEST_PATHS {
                    self.errors.push(format!("files[{index}].path: the paths are too long"));
                    return Part::Ignored;
                }
                text.extend_from_slice(&bytes);
                Part::Path { index, text }
            }
            Part::File { path, file } => match file.push(bytes).await {
                Ok(file) => Part::File { path, file },
                Err(error) => self.failed(&path, &error),
            },
            Part::Ignored => Part::Ignored,
        }
    }

    async fn finish(&mut self, part: Part) {
        match part {
            Part::Path { index, text } => match std::str::from_utf8(&text).map(str::trim) {
                Ok("") => self.errors.push(format!("files[{index}].path: empty")),
                Ok(path) => {
                    self.paths.insert(index, path.to_owned());
                }
                Err(_) => self.errors.push(format!("files[{index}].path: not UTF-8")),
            },
            Part::File { path, file } => match file.finish().await {
                Ok(bytes) => self.files.push(UploadedBytes { path, bytes }),
                Err(error) => {
                    self.failed(&path, &error);
                }
            },
            Part::Ignored => {}
        }
    }

    fn failed(&mut self, path: &str, error: &io::Error) -> Part {
        self.errors.push(format!("{path}: {}", reason(error)));
        Part::Ignored
    }
}
