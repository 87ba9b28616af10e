//! A client that writes bytes and reads bytes, so that nothing is hidden by a library.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::stream::Stream;

/// Longer than any answer that a test waits for; a hang is a failure and not a stuck test.
const DEADLINE: Duration = Duration::from_secs(120);

/// One keep-alive connection.
pub(crate) struct Client {
    stream: BufReader<Stream>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(socket: &Path) -> Self {
        Self { stream: BufReader::new(Stream::connect(socket, DEADLINE)) }
    }

    /// Sends a request with a body of known length and reads the answer.
    pub(crate) fn request(&mut self, method: &str, target: &str, headers: &str, body: &[u8]) -> Answer {
        self.send(method, target, &format!("{headers}Content-Length: {}\r\n", body.len()), body);
        self.answer(method)
    }

    pub(crate) fn get(&mut self, target: &str) -> Answer {
        self.request("GET", target, "", b"")
    }

    pub(crate) fn post(&mut self, target: &str) -> Answer {
        self.request("POST", target, "", b"")
    }

    pub(crate) fn post_json(&mut self, target: &str, body: &Value) -> Answer {
        self.request("POST", target, "Content-Type: application/json\r\n", body.to_string().as_bytes())
    }

    /// Sends a head and the bytes after it, and reads nothing. `headers` say how the body ends.
    pub(crate) fn send(&mut self, method: &str, target: &str, headers: &str, body: &[u8]) {
        let head = format!("{method} {target} HTTP/1.1\r\nHost: toolbox\r\n{headers}\r\n");
        self.write(head.as_bytes());
        self.write(body);
    }

    /// One chunk of a chunked body; an empty one ends it.
    pub(crate) fn chunk(&mut self, bytes: &[u8]) {
        let chunk = [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
        self.write(&chunk);
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).unwrap();
    }

    /// Reads bytes as they come, framing and all, until they hold `end`.
    pub(crate) fn read_raw_until(&mut self, end: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        while memchr::memmem::find(&bytes, end).is_none() {
            let more = self.stream.fill_buf().unwrap();
            assert!(!more.is_empty(), "the connection has ended");
            let count = more.len();
            bytes.extend_from_slice(more);
            self.stream.consume(count);
        }
        bytes
    }

    /// Reads to the end of the connection.
    pub(crate) fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes).unwrap();
        bytes
    }

    /// Reads the answer to a request of `method`.
    pub(crate) fn answer(&mut self, method: &str) -> Answer {
        self.try_answer(method).unwrap()
    }

    /// Reads the answer, or finds that it is cut short.
    pub(crate) fn try_answer(&mut self, method: &str) -> io::Result<Answer> {
        let status_line = self.line()?;
        let status = text(&status_line).split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let colon = line.iter().position(|&byte| byte == b':').unwrap();
            headers.push((text(&line[..colon]).to_lowercase(), line[colon + 1..].trim_ascii().to_vec()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        if method == "HEAD" || status == 304 || status == 204 {
            return Ok(answer);
        }
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = self.chunked()?;
        } else {
            let length = answer.header("content-length").unwrap_or("0").parse().unwrap();
            answer.body = vec![0; length];
            self.stream.read_exact(&mut answer.body)?;
        }
        Ok(answer)
    }

    fn chunked(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let length = usize::from_str_radix(text(&self.line()?), 16).unwrap();
            let start = body.len();
            body.resize(start + length, 0);
            self.stream.read_exact(&mut body[start..])?;
            assert_eq!(self.line()?, b"");
            if length == 0 {
                return Ok(body);
            }
        }
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line)?;
        match line.strip_suffix(b"\r\n") {
            Some(line) => Ok(line.to_vec()),
            None => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
        }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.header_bytes(name).map(text)
    }

    pub(crate) fn header_bytes(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The JSON body of an answer that has this status.
    #[track_caller]
    pub(crate) fn ok(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// Checks an error: its status, its code and its source.
    #[track_caller]
    pub(crate) fn error(self, status: u16, code: &str) -> String {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        let body = self.json();
        assert_eq!(body["statusCode"], status, "{body}");
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["source"], "DAYTONA_DAEMON", "{body}");
        assert!(body["timestamp"].is_string() && body["path"].is_string(), "{body}");
        body["message"].as_str().unwrap().to_owned()
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}
