//! Reading `multipart/form-data` while it arrives.
//!
//! By hand, because the libraries at hand gather without bound: a body without a boundary, or a part
//! with endless headers, would be held in memory. Here at most one network read and one header block
//! are. The parser does no I/O: bytes go in, events come out, in any cut.
//!
//! ```text
//!  Preamble ──delimiter──▶ Headers ──empty line──▶ Content ──delimiter──▶ Headers …
//!                                                     └──closing delimiter──▶ Done
//! ```

use axum::body::Body;
use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use memchr::memmem;

use crate::http::drain;

/// The longest header block of a part.
const LONGEST_HEADERS: usize = 16 << 10;

/// RFC 2046 allows 70; nobody needs more than this.
const LONGEST_BOUNDARY: usize = 200;

/// The most padding after a boundary. It is only there for mail.
const LONGEST_PADDING: usize = 64;

/// What is wrong with a body. The message is fit for users.
#[derive(Debug, thiserror::Error)]
pub(super) enum MultipartError {
    /// It ends before its closing boundary.
    #[error("the form is cut short")]
    CutShort,
    /// A part's headers do not end, or have no readable name.
    #[error("invalid multipart form")]
    Malformed,
}

/// What comes next in a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// A part begins. Its name, if it has one.
    Part(Option<String>),
    /// More of the part's content, never empty.
    Data(Bytes),
    /// The part is complete.
    PartEnd,
    /// The form is complete. What follows means nothing.
    End,
}

/// A request's form, read part by part.
#[derive(Debug)]
pub(super) struct Form {
    body: Body,
    parser: Parser,
}

impl Form {
    /// The form in `body`, or the body again if the content type does not announce one.
    pub(super) fn new(content_type: Option<&str>, body: Body) -> Result<Self, Body> {
        match content_type.and_then(boundary_of) {
            Some(boundary) => Ok(Self { body, parser: Parser::new(&boundary) }),
            None => Err(body),
        }
    }

    /// The next event; after [`Event::End`] or an error the form is to be dropped or drained.
    pub(super) async fn next(&mut self) -> Result<Event, MultipartError> {
        loop {
            if let Some(event) = self.parser.next()? {
                return Ok(event);
            }
            let Some(Ok(frame)) = self.body.frame().await else { return Err(MultipartError::CutShort) };
            if let Ok(data) = frame.into_data() {
                self.parser.push(data);
            }
        }
    }

    /// Reads the rest of the body, which a client wants to be rid of before it listens.
    pub(super) async fn drain(self) {
        drain(self.body).await;
    }
}

/// The boundary that a content type of `multipart/form-data` names.
fn boundary_of(content_type: &str) -> Option<String> {
    let (media_type, parameters) = content_type.split_once(';')?;
    if !media_type.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    parameter(parameters, "boundary").filter(|boundary| (1..=LONGEST_BOUNDARY).contains(&boundary.len()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Preamble,
    Headers,
    Content,
    Done,
}

#[derive(Debug)]
struct Parser {
    /// `\r\n--boundary`.
    delimiter: memmem::Finder<'static>,
    buffer: BytesMut,
    state: State,
}

/// What stands after a delimiter.
#[derive(Debug, PartialEq, Eq)]
enum After {
    /// Not enough bytes to tell.
    Unknown,
    /// A part, after so many bytes of padding.
    Part(usize),
    /// The end of the form.
    Close,
    /// Something else: it was no delimiter, only looked like one.
    Content,
}

impl Parser {
    fn new(boundary: &str) -> Self {
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        // The first delimiter need not follow a line end: give it one.
        Self {
            delimiter: memmem::Finder::new(&delimiter).into_owned(),
            buffer: BytesMut::from(&b"\r\n"[..]),
            state: State::Preamble,
        }
    }

    fn push(&mut self, bytes: Bytes) {
        if self.buffer.is_empty() {
            // No copy if nobody else holds them.
            self.buffer = BytesMut::from(bytes);
        } else {
            self.buffer.extend_from_slice(&bytes);
        }
    }

    /// The next event, or `None` if more bytes are needed for it.
    fn next(&mut self) -> Result<Option<Event>, MultipartError> {
        match self.state {
            State::Preamble => {
                let (skip, found) = self.before_delimiter();
                self.buffer.advance(skip);
                match found {
                    Some(after) => self.pass_delimiter(after),
                    None => return Ok(None),
                }
                self.next()
            }
            State::Headers => self.headers(),
            State::Content => {
                let (content, found) = self.before_delimiter();
                if content > 0 {
                    return Ok(Some(Event::Data(self.buffer.split_to(content).freeze())));
                }
                Ok(found.map(|after| {
                    self.pass_delimiter(after);
                    Event::PartEnd
                }))
            }
            State::Done => {
                self.buffer.clear();
                Ok(Some(Event::End))
            }
        }
    }

    /// How many bytes are surely not part of a delimiter, and whether one follows them directly.
    fn before_delimiter(&self) -> (usize, Option<After>) {
        let mut from = 0;
        while let Some(found) = self.delimiter.find(&self.buffer[from..]) {
            let at = from + found;
            match what_follows(&self.buffer[at + self.delimiter.needle().len()..]) {
                After::Content => from = at + 1,
                After::Unknown => return (at, None),
                after => return (at, Some(after)),
            }
        }
        // The end may be the beginning of a delimiter.
        let shortest = self.buffer.len().saturating_sub(self.delimiter.needle().len() - 1).max(from);
        let tail = memchr::memchr_iter(b'\r', &self.buffer[shortest..])
            .map(|at| shortest + at)
            .find(|&at| self.delimiter.needle().starts_with(&self.buffer[at..]));
        (tail.unwrap_or(self.buffer.len()), None)
    }

    fn pass_delimiter(&mut self, after: After) {
        let padding = if let After::Part(padding) = after { padding } else { 0 };
        self.state = if after == After::Close { State::Done } else { State::Headers };
        self.buffer.advance(self.delimiter.needle().len() + padding);
    }

    /// The header block, which begins with the line end of the delimiter's line.
    fn headers(&mut self) -> Result<Option<Event>, MultipartError> {
        const END: &[u8] = b"\r\n\r\n";
        let Some(length) = memmem::find(&self.buffer, END) else {
            return if self.buffer.len() > LONGEST_HEADERS {
                Err(MultipartError::Malformed)
            } else {
                Ok(None)
            };
        };
        if length > LONGEST_HEADERS {
            return Err(MultipartError::Malformed);
        }
        let block = self.buffer.split_to(length);
        self.buffer.advance(END.len());
        let name = name_of(&block)?;
        self.state = State::Content;
        Ok(Some(Event::Part(name)))
    }
}

/// Tells what stands after a delimiter from the bytes that are there.
fn what_follows(bytes: &[u8]) -> After {
    let padding = bytes.iter().take_while(|&&byte| byte == b' ' || byte == b'\t').count();
    match bytes[padding..] {
        [b'-', b'-', ..] if padding == 0 => After::Close,
        [b'\r', b'\n', ..] if padding <= LONGEST_PADDING => After::Part(padding),
        [] | [b'\r'] if padding <= LONGEST_PADDING => After::Unknown,
        [b'-'] if padding == 0 => After::Unknown,
        _ => After::Content,
    }
}

/// The `name` of the `Content-Disposition` in a header block.
fn name_of(block: &[u8]) -> Result<Option<String>, MultipartError> {
    let text = std::str::from_utf8(block)
        .map_or_else(|_| String::from_utf8_lossy(block).into_owned(), str::to_owned);
    for line in text.split("\r\n").filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or(MultipartError::Malformed)?;
        if name.trim().eq_ignore_ascii_case("content-disposition") {
            return Ok(value.split_once(';').and_then(|(_, parameters)| parameter(parameters, "name")));
        }
    }
    Ok(None)
}

/// The value of one of `a=b; c="d;\"e"`. A name that is followed by no `=` ends the search.
fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';']);
        let (name, after) = rest.split_once('=')?;
        let (value, after) = if let Some(quoted) = after.trim_start().strip_prefix('"') {
            quoted_string(quoted)
        } else {
            let end = after.find(';').unwrap_or(after.len());
            (after[..end].trim().to_owned(), &after[end..])
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after;
    }
}

/// What stands before the closing quote, and what after it.
fn quoted_string(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            // Only quotes and backslashes are escaped: old browsers send whole Windows paths.
            '\\' if text[at + 1..].starts_with(['"', '\\']) => {
                value.extend(characters.next().map(|(_, escaped)| escaped));
            }
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Parts = Vec<(Option<String>, Vec<u8>)>;

    /// The parts that come out of `body` when it arrives in pieces of `piece` bytes.
    fn parts(boundary: &str, body: &[u8], piece: usize) -> Result<Parts, MultipartError> {
        let mut parser = Parser::new(boundary);
        let mut parts = Vec::new();
        let mut pieces = body.chunks(piece.max(1));
        let mut open = false;
        loop {
            match parser.next()? {
                Some(Event::Part(name)) => {
                    assert!(!std::mem::replace(&mut open, true));
                    parts.push((name, Vec::new()));
                }
                Some(Event::Data(data)) => {
                    assert!(open && !data.is_empty());
                    parts.last_mut().unwrap().1.extend_from_slice(&data);
                }
                Some(Event::PartEnd) => assert!(std::mem::replace(&mut open, false)),
                Some(Event::End) => return Ok(parts),
                None => match pieces.next() {
                    Some(piece) => parser.push(Bytes::copy_from_slice(piece)),
                    None => return Err(MultipartError::CutShort),
                },
            }
        }
    }

    fn form(boundary: &str, parts: &[(String, Vec<u8>)]) -> Vec<u8> {
        let mut body = Vec::new();
        for (name, content) in parts {
            let name = name.replace('\\', "\\\\").replace('"', "\\\"");
            body.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
            body.extend_from_slice(
                format!("Content-Disposition: form-data; filename=\"x;y\"; name=\"{name}\"\r\n").as_bytes(),
            );
            body.extend_from_slice(b"Content-Type: application/octet-stream\r\n\r\n");
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        body
    }

    /// Content that is made to be taken for delimiters of boundary `ab`.
    fn content() -> impl Strategy<Value = Vec<u8>> {
        let token = prop_oneof![
            Just(b"\r\n--ab".to_vec()),
            Just(b"\r\n--a".to_vec()),
            Just(b"\r\n-".to_vec()),
            Just(b"\r".to_vec()),
            Just(b"\n".to_vec()),
            Just(b"--ab".to_vec()),
            Just(b"x".to_vec()),
            Just(b" ".to_vec()),
            any::<u8>().prop_map(|byte| vec![byte]),
        ];
        proptest::collection::vec(token, 0..20)
            .prop_map(|tokens| tokens.concat())
            // What is a delimiter is no content, whoever wrote it.
            .prop_filter("no real delimiter", |content| {
                let text = [b"\r\n", &content[..], b"\r\n--ab"].concat();
                let ends = text.len() - 6;
                memmem::find_iter(&text[..ends + 5], b"\r\n--ab")
                    .all(|at| what_follows(&text[at + 6..]) == After::Content)
            })
    }

    proptest! {
        #[test]
        fn what_was_put_in_comes_out_in_any_cut(
            contents in proptest::collection::vec(("[a-z\"\\\\ ;=é]{0,8}", content()), 0..5),
            piece in 1_usize..40,
            preamble in "[a-z\r\n]{0,10}",
        ) {
            let mut body = if preamble.is_empty() { Vec::new() } else { format!("{preamble}\r\n").into_bytes() };
            body.extend(form("ab", &contents));
            let expected: Vec<_> = contents.into_iter().map(|(name, content)| (Some(name), content)).collect();
            prop_assert_eq!(parts("ab", &body, piece).unwrap(), expected);
        }

        #[test]
        fn a_form_that_is_cut_anywhere_is_cut_short(
            contents in proptest::collection::vec(("[a-z]{1,4}", content()), 1..4),
            cut in 0.0..1.0,
            piece in 1_usize..40,
        ) {
            let body = form("ab", &contents);
            // The line end after the closing delimiter is not needed.
            let cut = ((body.len() - 3) as f64 * cut) as usize;
            prop_assert!(matches!(parts("ab", &body[..cut], piece), Err(MultipartError::CutShort)));
        }

        #[test]
        fn no_bytes_make_it_panic_or_go_on_for_ever(
            body in proptest::collection::vec(any::<u8>(), 0..200),
            piece in 1_usize..40,
        ) {
            let _ = parts("ab", &[b"--ab\r\n", &body[..]].concat(), piece);
        }
    }

    #[test]
    fn boundaries_come_quoted_or_not() {
        for (header, boundary) in [
            ("multipart/form-data; boundary=abc", Some("abc")),
            ("Multipart/Form-Data; charset=utf-8; BOUNDARY=\"a b;c\"", Some("a b;c")),
            ("multipart/form-data;boundary=abc ; x=y", Some("abc")),
            ("multipart/mixed; boundary=abc", None),
            ("multipart/form-data", None),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data; boundary", None),
        ] {
            assert_eq!(boundary_of(header).as_deref(), boundary, "{header}");
        }
    }

    #[test]
    fn headers_without_end_are_refused_and_not_gathered() {
        let mut body = b"--ab\r\nX: ".to_vec();
        body.resize(LONGEST_HEADERS * 2, b'x');
        assert!(matches!(parts("ab", &body, 1000), Err(MultipartError::Malformed)));
    }

    #[test]
    fn padding_after_a_boundary_is_no_content() {
        let body = b"--ab \t\r\n\r\nx\r\n--ab--";
        assert_eq!(parts("ab", body, 3).unwrap(), [(None, b"x".to_vec())]);
    }
}
