//! `POST /files/bulk-download`: any number of files in one multipart answer.
//!
//! Each path that was asked for becomes one part, a file or an error. If reading a file fails half
//! way, the answer stops without its closing boundary, from which clients know that it is cut.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::header::CONTENT_TYPE;
use paddock_wire_toolbox::{ErrorCode, FilesDownloadRequest};
use std::pin::pin;
use tokio::sync::mpsc;

use super::content_type::content_type;
use super::disposition::file_name_parameters;
use super::open::{open_regular, pieces};
use crate::http::{ApiError, Json, blocking};
use crate::toolbox::Shared;

/// How many pieces are read ahead of the client.
const READ_AHEAD: usize = 2;

pub(crate) async fn bulk_download(
    State(shared): State<Arc<Shared>>,
    Json(request): Json<FilesDownloadRequest>,
) -> Result<Response, ApiError> {
    let paths = request.paths.unwrap_or_default();
    if paths.is_empty() {
        return Err(ApiError::bad_request("paths is required"));
    }
    let boundary = format!("paddock-{}", uuid::Uuid::new_v4().simple());
    // The media type to the letter: a client compares it.
    let header = format!("multipart/form-data; boundary={boundary}");
    let (sender, receiver) = mpsc::channel(READ_AHEAD);
    tokio::spawn(async move {
        // An error means that the answer ends here: its client is gone, or must notice.
        let _ = Parts { shared, boundary, sender }.send(paths).await;
    });
    let body = stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|bytes| (Ok::<_, std::convert::Infallible>(bytes), receiver))
    });
    Ok(([(CONTENT_TYPE, header)], Body::from_stream(body)).into_response())
}

/// The answer must stop here, without its end.
struct Stopped;

struct Parts {
    shared: Arc<Shared>,
    boundary: String,
    sender: mpsc::Sender<Bytes>,
}

impl Parts {
    async fn send(&self, paths: Vec<String>) -> Result<(), Stopped> {
        for path in &paths {
            self.part(path).await?;
        }
        self.write(format!("--{}--\r\n", self.boundary)).await
    }

    async fn part(&self, asked: &str) -> Result<(), Stopped> {
        let path = self.shared.resolve(asked);
        let opened = if asked.is_empty() {
            Err(ApiError::new(ErrorCode::InvalidFilePath, "an empty path"))
        } else {
            let path = path.clone();
            blocking(move || open_regular(&path)).await
        };
        match opened {
            Ok((file, metadata)) => {
                let length = metadata.len();
                self.head("file", content_type(asked), asked, Some(length)).await?;
                let mut pieces = pin!(pieces(file, path, length));
                while let Some(piece) = pieces.next().await {
                    self.write(piece.map_err(|_| Stopped)?).await?;
                }
            }
            Err(error) => {
                let body = serde_json::to_vec(&error.body(asked, "POST")).map_err(|_| Stopped)?;
                self.head("error", "application/json; charset=utf-8", asked, None).await?;
                self.write(body).await?;
            }
        }
        self.write("\r\n").await
    }

    async fn head(&self, name: &str, kind: &str, path: &str, length: Option<u64>) -> Result<(), Stopped> {
        let mut head = format!("--{}\r\nContent-Type: {kind}\r\n", self.boundary).into_bytes();
        head.extend_from_slice(format!("Content-Disposition: form-data; name=\"{name}\"; ").as_bytes());
        head.extend(file_name_parameters(path));
        if let Some(length) = length {
            head.extend_from_slice(format!("\r\nContent-Length: {length}").as_bytes());
        }
        head.extend_from_slice(b"\r\n\r\n");
        self.write(head).await
    }

    async fn write(&self, bytes: impl Into<Bytes>) -> Result<(), Stopped> {
        self.sender.send(bytes.into()).await.map_err(|_client_is_gone| Stopped)
    }
}
