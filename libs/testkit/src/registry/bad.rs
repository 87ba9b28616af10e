//! A registry that does as it is told, and otherwise what a registry does. In this process, on the loopback device.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, StatusCode, header};
use tokio::task::JoinHandle;

use crate::images::{Image, sum};

/// What it does instead of what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trick {
    /// Nothing.
    None,
    /// Answers with this status, and these headers.
    Status(u16, Vec<(&'static str, String)>),
    /// Sends so many bytes of the content, and cuts the connection.
    Cut(usize),
    /// Sends something else of the same length.
    Lie,
    /// Says that it is shorter than it is, and sends that.
    Shorter,
    /// Does not say how long it is, and never stops.
    Endless,
    /// Sends nothing for ever after the head.
    Silent,
    /// Sends one byte at a time, with this pause.
    Drip(Duration),
    /// Sends all of it whatever range was asked for.
    NoRanges,
    /// Sends this text.
    Text(&'static str, Vec<u8>),
    /// Sends on to this address, to which the path is added.
    Redirect(String),
}

/// One request, as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Path and query.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
}

#[derive(Default)]
struct Book {
    /// Manifests and blobs by the end of their path.
    content: BTreeMap<String, (String, Bytes)>,
    /// For paths that contain the text: what is done, and how often.
    tricks: Vec<(String, Trick, usize)>,
    seen: Vec<Seen>,
}

/// A registry that misbehaves. Ends with this value.
pub struct Bad {
    host: String,
    book: Arc<Mutex<Book>>,
    task: JoinHandle<()>,
}

impl Bad {
    /// An empty one that behaves.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn start() -> Self {
        let book: Arc<Mutex<Book>> = Arc::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
        let host = listener.local_addr().expect("it is bound").to_string();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&book));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { host, book, task }
    }

    /// Host and port.
    pub fn host(&self) -> &str {
        &self.host
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has an image, as `name:tag`. Returns the digests of its layers, lowest first, without what stands before them.
    pub fn add(&self, image: Image, name: &str, tag: &str) -> Vec<String> {
        let (manifest, blobs) = image.into_blobs();
        let digests = blobs.iter().take(blobs.len() - 1).map(|(digest, _)| digest.clone()).collect();
        for (digest, content) in blobs {
            self.put(&format!("{name}/blobs/sha256:{digest}"), "application/octet-stream", content);
        }
        let kind = "application/vnd.oci.image.manifest.v1+json";
        self.put(&format!("{name}/manifests/sha256:{}", sum(&manifest)), kind, manifest.clone());
        self.put(&format!("{name}/manifests/{tag}"), kind, manifest);
        digests
    }

    /// Has this content at a path beneath `/v2/`.
    pub fn put(&self, path: &str, media_type: &str, content: Vec<u8>) {
        self.book().content.insert(path.to_owned(), (media_type.to_owned(), content.into()));
    }

    /// The content at a path beneath `/v2/`.
    pub fn get(&self, path: &str) -> Option<Bytes> {
        self.book().content.get(path).map(|(_, content)| content.clone())
    }

    /// Plays a trick on the next `times` requests whose path contains `on`. The oldest that fits is played first.
    pub fn play(&self, on: &str, trick: Trick, times: usize) {
        self.book().tricks.push((on.to_owned(), trick, times));
    }

    /// Plays no trick any more.
    pub fn behave(&self) {
        self.book().tricks.clear();
    }

    /// The requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.book().seen.clone()
    }
}

impl Drop for Bad {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(book): State<Arc<Mutex<Book>>>, request: Request) -> Response {
    let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    let (found, trick) = {
        let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
        book.seen.push(Seen { path: path.clone(), headers: request.headers().clone() });
        let trick = book.tricks.iter_mut().find(|(on, _, times)| *times > 0 && path.contains(on.as_str()));
        let trick = trick.map_or(Trick::None, |(_, trick, times)| {
            *times -= 1;
            trick.clone()
        });
        let name = path.strip_prefix("/v2/").unwrap_or_default();
        (book.content.get(name).cloned(), trick)
    };
    let asked =
        request.headers().get(header::RANGE).and_then(|range| range.to_str().ok()).and_then(parse_range);
    let (media_type, content) = match (&trick, found) {
        (Trick::Status(status, headers), _) => {
            let mut answer = StatusCode::from_u16(*status).unwrap_or_default().into_response();
            for (name, value) in headers {
                answer.headers_mut().append(*name, value.parse().expect("a test's header"));
            }
            return answer;
        }
        (Trick::Redirect(to), _) => {
            return (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, format!("{to}{path}"))])
                .into_response();
        }
        (Trick::Text(media_type, text), _) => ((*media_type).to_owned(), Bytes::from(text.clone())),
        (_, Some(found)) => found,
        (_, None) => {
            return (StatusCode::NOT_FOUND, r#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#).into_response();
        }
    };
    let range = asked.filter(|_| trick != Trick::NoRanges);
    let total = content.len();
    let (status, part, from) = match range {
        Some((start, _)) if start >= total => return StatusCode::RANGE_NOT_SATISFIABLE.into_response(),
        Some((start, end)) => (
            StatusCode::PARTIAL_CONTENT,
            content.slice(start..end.map_or(total, |end| total.min(end + 1))),
            start,
        ),
        None => (StatusCode::OK, content, 0),
    };
    let length = part.len();
    let (body, told) = body(trick, part);
    let mut answer = Response::builder().status(status).header(header::CONTENT_TYPE, media_type);
    if let Some(told) = told {
        answer = answer.header(header::CONTENT_LENGTH, told);
    }
    if status == StatusCode::PARTIAL_CONTENT {
        answer = answer.header(
            header::CONTENT_RANGE,
            format!("bytes {from}-{}/{total}", (from + length).saturating_sub(1)),
        );
    }
    answer.body(body).expect("a test's answer")
}

/// What is sent, and how long it is said to be.
fn body(trick: Trick, part: Bytes) -> (Body, Option<usize>) {
    let length = part.len();
    match trick {
        Trick::Cut(at) => {
            let pieces = [Ok(part.slice(..at.min(length))), Err(std::io::Error::other("cut"))];
            (Body::from_stream(stream::iter(pieces)), Some(length))
        }
        Trick::Lie => (Body::from(part.iter().map(|byte| byte ^ 0x55).collect::<Vec<_>>()), Some(length)),
        Trick::Shorter => (Body::from(part.slice(..length / 2)), Some(length / 2)),
        Trick::Endless => {
            let zeros = stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[0; 65_536])));
            (Body::from_stream(zeros), None)
        }
        Trick::Silent => (Body::from_stream(stream::pending::<std::io::Result<Bytes>>()), Some(length)),
        Trick::Drip(pause) => {
            let pieces = stream::unfold(0, move |at| {
                let piece = (at < part.len()).then(|| part.slice(at..at + 1));
                async move {
                    tokio::time::sleep(pause).await;
                    piece.map(|piece| (Ok::<_, std::io::Error>(piece), at + 1))
                }
            });
            (Body::from_stream(pieces), Some(length))
        }
        _ => (Body::from(part), Some(length)),
    }
}

/// `bytes=5-` or `bytes=5-9`.
fn parse_range(text: &str) -> Option<(usize, Option<usize>)> {
    let (start, end) = text.strip_prefix("bytes=")?.split_once('-')?;
    Some((start.parse().ok()?, end.parse().ok()))
}
