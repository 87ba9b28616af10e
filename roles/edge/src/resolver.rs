//! Name resolution for sandboxes: takes a question on the router's address, asks the host's name servers,
//! passes the answer back, unchanged. The names of linked sandboxes alone are answered here ([`super::names`]).
//!
//! It understands the fixed header of a message and no more, keeps no cache (the host's servers have one), and
//! holds each guest to a number of open questions. What a name resolves to is not judged here: addresses that a
//! sandbox must not reach are refused by the router, whatever their name.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::names::{Names, Verdict};

/// Open questions of one guest; more are dropped, and its resolver asks again.
const PER_GUEST: u32 = 256;
/// Open questions of all guests.
const IN_ALL: u32 = 8192;
/// Open connections of one guest. Each holds a descriptor of ours while it is silent, so without a limit one guest
/// could leave none for the others.
const STREAMS_PER_GUEST: u32 = 32;
/// A pause after a connection could not be accepted, so that the loop does not spin while no descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long one server is waited for before the next is asked.
const SERVER_LIMIT: Duration = Duration::from_secs(3);
/// How long a connection may be silent.
const IDLE_LIMIT: Duration = Duration::from_secs(10);
/// The largest message over UDP that anybody sends (RFC 6891 names 4096 as the largest sensible one).
const DATAGRAM: usize = 4096;
/// The fixed header of a message (RFC 1035, 4.1.1).
const HEADER: usize = 12;

/// Answers questions until a socket fails. `links` is the file with the runner's
/// [`LinkTable`](paddock_wire_runner::LinkTable); it need not be there yet.
pub async fn serve(udp: std::net::UdpSocket, tcp: std::net::TcpListener, links: PathBuf) -> io::Result<()> {
    udp.set_nonblocking(true)?;
    tcp.set_nonblocking(true)?;
    let (udp, tcp) = (Arc::new(UdpSocket::from_std(udp)?), TcpListener::from_std(tcp)?);
    let shared = Arc::new(Shared::new("/etc/resolv.conf", links));
    tokio::try_join!(serve_datagrams(udp, Arc::clone(&shared)), serve_streams(tcp, shared))?;
    Ok(())
}

async fn serve_datagrams(socket: Arc<UdpSocket>, shared: Arc<Shared>) -> io::Result<()> {
    let mut buffer = [0; DATAGRAM];
    loop {
        let (length, guest) = socket.recv_from(&mut buffer).await?;
        let question = buffer[..length].to_vec();
        let Some(turn) = shared.enter(guest.ip(), &question) else { continue };
        let (socket, shared) = (Arc::clone(&socket), Arc::clone(&shared));
        tokio::spawn(async move {
            let answer = match shared.names.judge(guest.ip(), &question) {
                Verdict::Answer(answer) => answer,
                Verdict::Refuse => failure(&question, REFUSED),
                Verdict::PassOn => match shared.ask_by_datagram(&question).await {
                    Some(answer) => answer,
                    None => failure(&question, SERVER_FAILURE),
                },
            };
            if let Err(error) = socket.send_to(&answer, guest).await {
                tracing::debug!(%error, "an answer could not be sent");
            }
            drop(turn);
        });
    }
}

async fn serve_streams(listener: TcpListener, shared: Arc<Shared>) -> io::Result<()> {
    loop {
        let (mut stream, guest) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Some(place) = count_in(&shared.streams, guest.ip(), STREAMS_PER_GUEST) else { continue };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let _place = place;
            // A connection may carry several questions, one after the other.
            while let Ok(Ok(question)) = timeout(IDLE_LIMIT, read_message(&mut stream)).await {
                let Some(_turn) = shared.enter(guest.ip(), &question) else { return };
                let answer = match shared.names.judge(guest.ip(), &question) {
                    Verdict::Answer(answer) => answer,
                    Verdict::Refuse => failure(&question, REFUSED),
                    Verdict::PassOn => match shared.ask_by_stream(&question).await {
                        Some(answer) => answer,
                        None => failure(&question, SERVER_FAILURE),
                    },
                };
                if !matches!(timeout(IDLE_LIMIT, write_message(&mut stream, &answer)).await, Ok(Ok(()))) {
                    return;
                }
            }
        });
    }
}

/// What all questions share: the servers to ask, and who asks how much.
struct Shared {
    names: Names,
    file: &'static str,
    servers: Mutex<(Option<SystemTime>, Vec<SocketAddr>)>,
    open: Counts,
    streams: Counts,
}

/// How much of something each guest holds.
type Counts = Arc<Mutex<HashMap<IpAddr, u32>>>;

impl Shared {
    fn new(file: &'static str, links: PathBuf) -> Self {
        Self {
            names: Names::new(links),
            file,
            servers: Mutex::default(),
            open: Counts::default(),
            streams: Counts::default(),
        }
    }

    /// Lets a question in, unless it is none or its guest has too many.
    fn enter(&self, guest: IpAddr, question: &[u8]) -> Option<Turn> {
        if !is_question(question) {
            return None;
        }
        let in_all: u32 = self.open.lock().unwrap_or_else(PoisonError::into_inner).values().sum();
        if in_all >= IN_ALL {
            return None;
        }
        count_in(&self.open, guest, PER_GUEST)
    }

    /// The host's name servers, read again when the file changed.
    fn servers(&self) -> Vec<SocketAddr> {
        let changed = std::fs::metadata(self.file).and_then(|metadata| metadata.modified()).ok();
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if servers.0 != changed || servers.1.is_empty() {
            let text = std::fs::read_to_string(self.file).unwrap_or_default();
            *servers = (changed, parse_servers(&text));
        }
        servers.1.clone()
    }

    async fn ask_by_datagram(&self, question: &[u8]) -> Option<Vec<u8>> {
        for server in self.servers() {
            match timeout(SERVER_LIMIT, ask_datagram(server, question)).await {
                Ok(Ok(answer)) => return Some(answer),
                Ok(Err(error)) => tracing::debug!(%error, "a name server could not be asked"),
                Err(_) => tracing::debug!("a name server did not answer"),
            }
        }
        None
    }

    async fn ask_by_stream(&self, question: &[u8]) -> Option<Vec<u8>> {
        for server in self.servers() {
            let asked = async {
                let mut stream = TcpStream::connect(server).await?;
                write_message(&mut stream, question).await?;
                read_message(&mut stream).await
            };
            if let Ok(Ok(answer)) = timeout(SERVER_LIMIT, asked).await
                && answers(question, &answer)
            {
                return Some(answer);
            }
        }
        None
    }
}

/// One more of what `guest` holds, unless it has `at_most` already.
fn count_in(counts: &Counts, guest: IpAddr, at_most: u32) -> Option<Turn> {
    let mut held = counts.lock().unwrap_or_else(PoisonError::into_inner);
    let count = held.entry(guest).or_default();
    if *count >= at_most {
        return None;
    }
    *count += 1;
    Some(Turn { counts: Arc::clone(counts), guest })
}

/// One of what a guest holds: an open question, or a connection.
struct Turn {
    counts: Counts,
    guest: IpAddr,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut held = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.guest) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.guest);
            }
        }
    }
}

/// Asks one server from a port of its own, so that nobody can guess where an answer is waited for.
async fn ask_datagram(server: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let any = if server.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6([0; 16].into()) };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut buffer = [0; DATAGRAM];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if answers(question, &buffer[..length]) {
            return Ok(buffer[..length].to_vec());
        }
    }
}

fn is_question(message: &[u8]) -> bool {
    message.len() >= HEADER && message[2] & 0x80 == 0
}

fn answers(question: &[u8], answer: &[u8]) -> bool {
    answer.len() >= HEADER && answer[..2] == question[..2] && answer[2] & 0x80 != 0
}

/// "Server failure" (RFC 1035, 4.1.1).
const SERVER_FAILURE: u8 = 2;
/// "Refused" (RFC 1035, 4.1.1).
const REFUSED: u8 = 5;

/// A failure of a question, with nothing else in it.
fn failure(question: &[u8], code: u8) -> Vec<u8> {
    let mut answer = vec![0; HEADER];
    answer[..2].copy_from_slice(&question[..2]);
    answer[2] = 0x80 | (question[2] & 0x79);
    answer[3] = 0x80 | code;
    answer
}

async fn read_message(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut message = vec![0; length.into()];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

async fn write_message(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend_from_slice(message);
    stream.write_all(&framed).await
}

fn parse_servers(text: &str) -> Vec<SocketAddr> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver"))
        .filter_map(|rest| rest.split_whitespace().next())
        .filter_map(|address| address.parse::<IpAddr>().ok())
        .map(|address| SocketAddr::new(address, 53))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTION: &[u8] = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01";

    #[test]
    fn servers_are_read_as_the_c_library_reads_them() {
        let text = "# x\nsearch lan\nnameserver 192.0.2.1\n nameserver 2001:db8::1 \nnameserver no\n";
        let servers: Vec<String> = parse_servers(text).iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:53", "[2001:db8::1]:53"]);
    }

    #[test]
    fn noise_is_no_question_and_a_failure_names_its_question() {
        assert!(!is_question(b""));
        assert!(!is_question(&QUESTION[..11]));
        let answer = failure(QUESTION, SERVER_FAILURE);
        assert!(!is_question(&answer));
        assert!(answers(QUESTION, &answer));
        assert_eq!(answer[3] & 0x0f, 2);
    }

    #[test]
    fn one_guest_cannot_take_all_turns() {
        let shared = Arc::new(Shared::new("/nonexistent", PathBuf::from("/nonexistent")));
        let greedy: IpAddr = "100.65.1.1".parse().unwrap();
        let modest: IpAddr = "100.65.1.2".parse().unwrap();
        let turns: Vec<Turn> = (0..PER_GUEST).map(|_| shared.enter(greedy, QUESTION).unwrap()).collect();
        assert!(shared.enter(greedy, QUESTION).is_none());
        assert!(shared.enter(modest, QUESTION).is_some());
        drop(turns);
        assert!(shared.enter(greedy, QUESTION).is_some());
    }

    #[tokio::test]
    async fn one_guest_cannot_hold_all_descriptors() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(serve_streams(
            listener,
            Arc::new(Shared::new("/nonexistent", PathBuf::from("/nonexistent"))),
        ));
        let mut kept = Vec::new();
        for _ in 0..STREAMS_PER_GUEST {
            kept.push(TcpStream::connect(address).await.unwrap());
        }
        let mut refused = TcpStream::connect(address).await.unwrap();
        assert_eq!(refused.read(&mut [0; 1]).await.unwrap(), 0, "one connection too many is closed at once");
        let first = &mut kept[0];
        write_message(first, QUESTION).await.unwrap();
        assert!(answers(QUESTION, &read_message(first).await.unwrap()), "the others are served");
        serving.abort();
    }
}
