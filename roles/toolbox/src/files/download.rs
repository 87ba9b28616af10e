//! `GET` and `HEAD /files/download?path`: one file, or a part of it.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, IF_MODIFIED_SINCE,
    IF_RANGE, LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::disposition::header_file_name_parameters;
use super::file_info::base_name;
use super::open::{open_regular, pieces};
use super::range::{Wanted, wanted};
use crate::http::{ApiError, Query, blocking};
use crate::toolbox::Shared;

/// The first second that an HTTP date cannot write: the year 10000.
const END_OF_HTTP_DATES: Duration = Duration::from_secs(253_402_300_800);

pub(crate) async fn download(
    State(shared): State<Arc<Shared>>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let asked = query.required("path")?.to_owned();
    let path = shared.resolve(&asked);
    let opening = path.clone();
    let (mut file, metadata) = blocking(move || open_regular(&opening)).await?;
    let length = metadata.len();
    let modified = metadata.modified().ok().filter(|time| has_http_date(*time)).map(whole_seconds);

    let mut response = Response::new(Body::empty());
    let head = response.headers_mut();
    head.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(modified) = modified {
        insert(head, LAST_MODIFIED, httpdate::fmt_http_date(modified).as_bytes());
    }
    let known = date(&headers, &IF_MODIFIED_SINCE);
    if modified.zip(known).is_some_and(|(modified, known)| modified <= known) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    head.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    let disposition = [b"attachment; ", &header_file_name_parameters(base_name(&asked))[..]].concat();
    insert(head, CONTENT_DISPOSITION, &disposition);

    // A part of a file that has changed since the client got the rest is of no use to it.
    let is_fresh =
        !headers.contains_key(IF_RANGE) || (modified.is_some() && date(&headers, &IF_RANGE) == modified);
    let range = headers.get(RANGE).and_then(|value| value.to_str().ok()).filter(|_| is_fresh);
    let body_length = match wanted(range, length) {
        Wanted::Everything => length,
        Wanted::Part { first, last } => {
            file = seek(file, first).await?;
            insert(head, CONTENT_RANGE, format!("bytes {first}-{last}/{length}").as_bytes());
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            last - first + 1
        }
        Wanted::Nothing => {
            let error = ApiError::bad_request(format!("the range is not inside the file's {length} bytes"));
            let mut response = error.with_status(StatusCode::RANGE_NOT_SATISFIABLE).into_response();
            insert(response.headers_mut(), CONTENT_RANGE, format!("bytes */{length}").as_bytes());
            return Ok(response);
        }
    };
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body_length));
    // A file that becomes shorter meanwhile breaks the connection, which tells the client so.
    *response.body_mut() = Body::from_stream(pieces(file, path, body_length));
    Ok(response)
}

async fn seek(mut file: File, to: u64) -> Result<File, ApiError> {
    blocking(move || match file.seek(SeekFrom::Start(to)) {
        Ok(_) => Ok(file),
        Err(error) => Err(ApiError::internal(format!("could not seek: {error}"))),
    })
    .await
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &[u8]) {
    // What is made here holds no control characters, which is all that could be wrong with it.
    if let Ok(value) = HeaderValue::from_bytes(value) {
        headers.insert(name, value);
    }
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| httpdate::parse_http_date(text).ok())
}

/// Whether an instant, which a file may carry any of, can be written as an HTTP date.
fn has_http_date(time: SystemTime) -> bool {
    time.duration_since(UNIX_EPOCH).is_ok_and(|since| since < END_OF_HTTP_DATES)
}

/// HTTP dates have no fractions.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since.as_secs())
}
