//! A raw connection to a TCP port inside a sandbox, through its toolbox.
//!
//! The toolbox connects, since it alone is in the sandbox's network; what follows its answer are the port's own
//! bytes, of which it reads none.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// The kind of the error that says that nothing listens on the port.
pub(crate) const CLOSED: io::ErrorKind = io::ErrorKind::ConnectionRefused;
/// How long the toolbox may take to connect within its own sandbox.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest head of its answer.
const HEAD_LIMIT: usize = 4096;

/// Makes a connection to the toolbox one to `port`.
pub(crate) async fn through(mut stream: UnixStream, port: u16) -> io::Result<UnixStream> {
    let ask = format!(
        "GET /tunnel/{port} HTTP/1.1\r\nHost: toolbox\r\nConnection: upgrade\r\nUpgrade: {}\r\n\r\n",
        paddock_wire_toolbox::TUNNEL_PROTOCOL
    );
    let head = timeout(PATIENCE, async {
        stream.write_all(ask.as_bytes()).await?;
        read_head(&mut stream).await
    })
    .await
    .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    match status(&head) {
        Some(101) => Ok(stream),
        Some(502) => Err(io::Error::from(CLOSED)),
        _ => Err(io::Error::from(io::ErrorKind::InvalidData)),
    }
}

/// Reads to the empty line and not one byte further: what comes then is the port's.
async fn read_head(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == HEAD_LIMIT {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        }
        head.push(stream.read_u8().await?);
    }
    Ok(head)
}

fn status(head: &[u8]) -> Option<u16> {
    let line = head.strip_prefix(b"HTTP/1.1 ")?;
    std::str::from_utf8(line.get(..3)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answered(answer: &'static [u8]) -> io::Result<Vec<u8>> {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        tokio::spawn(async move {
            let mut asked = [0; 512];
            let count = theirs.read(&mut asked).await.unwrap();
            assert!(asked[..count].starts_with(b"GET /tunnel/3000 HTTP/1.1\r\n"));
            theirs.write_all(answer).await.unwrap();
        });
        let mut stream = through(ours, 3000).await?;
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await?;
        Ok(rest)
    }

    #[tokio::test]
    async fn what_follows_the_answer_is_the_ports() {
        let rest = answered(b"HTTP/1.1 101 Switching Protocols\r\nx: y\r\n\r\nSSH-2.0\r\n").await.unwrap();
        assert_eq!(rest, b"SSH-2.0\r\n");
    }

    #[tokio::test]
    async fn a_closed_port_is_told_from_a_toolbox_that_talks_nonsense() {
        let closed = answered(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").await.unwrap_err();
        assert_eq!(closed.kind(), CLOSED);
        for nonsense in
            [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), b"HTTP/1.1 1\r\n\r\n", b"", &[b'x'; HEAD_LIMIT + 1]]
        {
            assert_ne!(answered(nonsense).await.unwrap_err().kind(), CLOSED);
        }
    }
}
