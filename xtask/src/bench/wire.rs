//! HTTP/1.1 on one kept connection with nothing around it: what a request costs when the client costs nothing.
//!
//! Knows as much of HTTP as our own servers answer: a length or chunks. For measuring only.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// An answer must go on arriving.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);

/// One kept connection to one server.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    authority: String,
    key: String,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    /// Connects to `host:port`.
    pub(crate) fn open(authority: &str, key: &str) -> Result<Self> {
        let stream = TcpStream::connect(authority.parse::<std::net::SocketAddr>()?)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE_LIMIT))?;
        Ok(Self {
            stream: BufReader::with_capacity(256 << 10, stream),
            authority: authority.to_owned(),
            key: key.to_owned(),
        })
    }

    /// One request with a body in JSON, and its whole answer.
    pub(crate) fn send(&mut self, method: &str, path: &str, body: &[u8]) -> Result<Answer> {
        self.begin(method, path, "application/json", body.len() as u64, body)?;
        let mut whole = Vec::new();
        let status = self.receive(|piece| whole.extend_from_slice(piece))?;
        Ok(Answer { status, body: whole })
    }

    /// Sends the head of a request and the first bytes of its body, `length` bytes long in all.
    pub(crate) fn begin(
        &mut self,
        method: &str,
        path: &str,
        content_type: &str,
        length: u64,
        first: &[u8],
    ) -> Result<()> {
        let Self { authority, key, .. } = self;
        let mut message = format!(
            "{method} {path} HTTP/1.1\r\nhost: {authority}\r\nauthorization: Bearer {key}\r\n\
             content-type: {content_type}\r\ncontent-length: {length}\r\n\r\n"
        )
        .into_bytes();
        message.extend_from_slice(first);
        self.go_on(&message)
    }

    /// Sends more of a body.
    pub(crate) fn go_on(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.get_mut().write_all(bytes)?)
    }

    /// Receives an answer: its status, and its body piece by piece.
    pub(crate) fn receive(&mut self, mut take: impl FnMut(&[u8])) -> Result<u16> {
        let line = self.line()?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")?;
        let mut length = 0;
        let mut is_chunked = false;
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse()?,
                "transfer-encoding" => is_chunked = value.trim() == "chunked",
                _ => {}
            }
        }
        if !is_chunked {
            self.pieces(length, &mut take)?;
            return Ok(status);
        }
        loop {
            let length = u64::from_str_radix(self.line()?.trim(), 16)?;
            self.pieces(length, &mut take)?;
            self.line()?;
            if length == 0 {
                return Ok(status);
            }
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        // A head that never ends is no answer.
        if self.stream.by_ref().take(16 << 10).read_line(&mut line)? == 0 {
            bail!("the server closed the connection");
        }
        Ok(line.trim_end().to_owned())
    }

    fn pieces(&mut self, mut left: u64, take: &mut impl FnMut(&[u8])) -> Result<()> {
        while left > 0 {
            let piece = self.stream.fill_buf()?;
            if piece.is_empty() {
                bail!("the answer was cut");
            }
            let count = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            take(&piece[..count]);
            self.stream.consume(count);
            left -= count as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a connection makes of `answers`.
    fn received(answers: &'static [u8], count: usize) -> Vec<(u16, String)> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let serving = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(answers).unwrap();
            // Until the client is gone: closing early would cut what it sends.
            std::io::copy(&mut stream, &mut std::io::sink()).unwrap();
        });
        let mut connection = Connection::open(&authority, "key").unwrap();
        let read = (0..count)
            .map(|_| {
                let answer = connection.send("GET", "/", b"").unwrap();
                (answer.status, String::from_utf8(answer.body).unwrap())
            })
            .collect();
        drop(connection);
        serving.join().unwrap();
        read
    }

    #[test]
    fn answers_follow_each_other_on_one_connection_whatever_their_framing() {
        let answers = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi\
            HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n\
            HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(
            received(answers, 3),
            [(200, "hi".to_owned()), (404, "abc0123456789".to_owned()), (200, String::new())]
        );
    }
}
