//! Messages of the language server protocol on a byte stream: `Content-Length: N`, an empty line, N bytes of JSON.

use std::io;

use serde_json::Value;

/// The longest head; servers send two lines at most.
const LONGEST_HEAD: usize = 4 << 10;
/// The longest message. Guessed: completions of a large project are a few MiB.
const LONGEST_MESSAGE: usize = 64 << 20;

/// A message as it is written.
pub(super) fn frame(message: &Value) -> Vec<u8> {
    let body = message.to_string();
    format!("Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// The message at the beginning of `bytes` and the length of both head and body; `None` if it is not there whole.
///
/// # Errors
/// When it cannot become one.
pub(super) fn parse(bytes: &[u8]) -> io::Result<Option<(Value, usize)>> {
    let nonsense = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let Some(head_end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
        return if bytes.len() > LONGEST_HEAD { Err(nonsense("a message without a head")) } else { Ok(None) };
    };
    let head = std::str::from_utf8(&bytes[..head_end]).map_err(|_| nonsense("a head that is no text"))?;
    let length = head
        .split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok())
        .ok_or_else(|| nonsense("a message without a length"))?;
    if length > LONGEST_MESSAGE {
        return Err(nonsense("a message that is too long"));
    }
    let begin = head_end + 4;
    match bytes.get(begin..begin + length) {
        Some(body) => Ok(Some((serde_json::from_slice(body)?, begin + length))),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_is_read_when_it_is_whole() {
        let message = json!({"id": 1, "result": "日本"});
        let bytes = frame(&message);
        for cut in 0..bytes.len() {
            assert_eq!(parse(&bytes[..cut]).unwrap(), None, "{cut}");
        }
        let two = [bytes.clone(), bytes.clone()].concat();
        assert_eq!(parse(&two).unwrap(), Some((message, bytes.len())));
    }

    #[test]
    fn other_lines_of_the_head_are_passed_over() {
        let bytes = b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-length:2\r\n\r\n{}";
        assert_eq!(parse(bytes).unwrap(), Some((json!({}), bytes.len())));
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        let endless = vec![b'x'; LONGEST_HEAD + 1];
        for bytes in [
            b"Content-Length: x\r\n\r\n".as_slice(),
            b"X: 1\r\n\r\n{}",
            b"Content-Length: 1\r\n\r\n{",
            b"Content-Length: 99999999999\r\n\r\n",
            b"\xff\r\n\r\n",
            &endless,
        ] {
            assert!(parse(bytes).is_err(), "{:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(40)]));
        }
    }

    proptest! {
        #[test]
        fn nothing_that_a_server_writes_panics(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn any_text_arrives(text in "\\PC*") {
            let message = json!({"text": text});
            prop_assert_eq!(parse(&frame(&message)).unwrap().unwrap().0, message);
        }
    }
}
