//! The answer of `execute` and `code-run`, written piece by piece.
//!
//! Output can be large, and its JSON form is a copy of it; so the copy is made while it is sent,
//! a piece at a time. Bytes that are not UTF-8 become U+FFFD, also where a piece would cut a
//! character in two.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header::CONTENT_TYPE;
use paddock_wire_toolbox::Artifacts;

use super::capture::Capture;
use crate::text::{character_boundary, escape};

/// How much output is escaped at a time. A shorter output goes out as one body with a length.
const PIECE_BYTES: usize = 64 << 10;

/// `{"exitCode": …, "result": …}` with the captured output, and `artifacts` if there are any.
pub(super) fn result(exit_code: i32, output: Capture, artifacts: Option<&Artifacts>) -> Response {
    let head = format!(r#"{{"exitCode":{exit_code},"result":""#);
    let tail = match artifacts.and_then(|artifacts| serde_json::to_string(artifacts).ok()) {
        Some(artifacts) => format!(r#"","artifacts":{artifacts}}}"#),
        None => r#""}"#.to_owned(),
    };
    let body = if output.bytes().len() <= PIECE_BYTES {
        let mut json = head.into_bytes();
        escape(output.bytes(), &mut json);
        json.extend_from_slice(tail.as_bytes());
        Body::from(json)
    } else {
        Body::from_stream(stream::iter(
            Pieces { head: Some(head), output, sent: 0, tail: Some(tail) }
                .map(Ok::<_, std::convert::Infallible>),
        ))
    };
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

struct Pieces {
    head: Option<String>,
    output: Capture,
    sent: usize,
    tail: Option<String>,
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if let Some(head) = self.head.take() {
            return Some(head.into());
        }
        let rest = &self.output.bytes()[self.sent..];
        if rest.is_empty() {
            return self.tail.take().map(Bytes::from);
        }
        let piece =
            if rest.len() > PIECE_BYTES { &rest[..character_boundary(rest, PIECE_BYTES)] } else { rest };
        let mut json = Vec::with_capacity(piece.len() + piece.len() / 8);
        escape(piece, &mut json);
        self.sent += piece.len();
        Some(json.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::OutputBudget;

    async fn body_of(bytes: &[u8]) -> serde_json::Value {
        let mut capture = Capture::new(OutputBudget::new(1 << 30));
        capture.push(bytes);
        let body = result(7, capture, None).into_body();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    #[tokio::test]
    async fn a_long_output_is_the_same_text_as_a_short_one() {
        let text = "aé\u{1F600}\"\\\n\u{1}".repeat(20_000);
        let body = body_of(text.as_bytes()).await;
        assert_eq!(body["exitCode"], 7);
        assert_eq!(body["result"], text);
        assert_eq!(body_of(b"short").await["result"], "short");
    }
}
