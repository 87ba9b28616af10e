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

/// The largest cut of at most `limit` that does not fall into a character. Bytes that are no
/// character may be cut anywhere. Never 0 for a positive limit of 4 and more.
fn character_boundary(bytes: &[u8], limit: usize) -> usize {
    let is_continuation = |byte: u8| byte & 0b1100_0000 == 0b1000_0000;
    // A character has at most three continuation bytes.
    (limit.saturating_sub(3)..=limit).rev().find(|&cut| !is_continuation(bytes[cut])).unwrap_or(limit)
}

/// Appends `bytes` as the inside of a JSON string.
fn escape(bytes: &[u8], json: &mut Vec<u8>) {
    for chunk in bytes.utf8_chunks() {
        escape_text(chunk.valid().as_bytes(), json);
        if !chunk.invalid().is_empty() {
            json.extend_from_slice("\u{FFFD}".as_bytes());
        }
    }
}

fn escape_text(text: &[u8], json: &mut Vec<u8>) {
    let mut plain_from = 0;
    for (at, &byte) in text.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        json.extend_from_slice(&text[plain_from..at]);
        plain_from = at + 1;
        match byte {
            b'"' => json.extend_from_slice(br#"\""#),
            b'\\' => json.extend_from_slice(br"\\"),
            b'\n' => json.extend_from_slice(br"\n"),
            b'\r' => json.extend_from_slice(br"\r"),
            b'\t' => json.extend_from_slice(br"\t"),
            control => json.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
        }
    }
    json.extend_from_slice(&text[plain_from..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::process::OutputBudget;

    async fn body_of(bytes: &[u8]) -> serde_json::Value {
        let mut capture = Capture::new(OutputBudget::new(1 << 30));
        capture.push(bytes);
        let body = result(7, capture, None).into_body();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    proptest! {
        #[test]
        fn any_bytes_come_out_as_the_text_that_rust_makes_of_them(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let mut json = b"\"".to_vec();
            escape(&bytes, &mut json);
            json.push(b'"');
            let text: String = serde_json::from_slice(&json).unwrap();
            prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn cutting_anywhere_changes_no_text(text in "\\PC{0,40}", limit in 4_usize..20) {
            let bytes = text.as_bytes();
            let mut json = b"\"".to_vec();
            let mut rest = bytes;
            while !rest.is_empty() {
                let cut = if rest.len() > limit { character_boundary(rest, limit) } else { rest.len() };
                prop_assert!(cut > 0);
                escape(&rest[..cut], &mut json);
                rest = &rest[cut..];
            }
            json.push(b'"');
            let out: String = serde_json::from_slice(&json).unwrap();
            prop_assert_eq!(out, text);
        }
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
