//! Asking name servers.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use super::message::{Family, Said, answer, question};
use super::settings::Settings;

/// The longest answer over UDP to a question without extensions is 512 bytes; some send more.
const DATAGRAM: usize = 4096;

/// The addresses of `host`, at least one.
///
/// # Errors
///
/// Why there is none, in words for users.
pub(super) fn ask(settings: &Settings, host: &str) -> Result<Vec<IpAddr>, String> {
    let mut why = "not a host name".to_owned();
    for name in settings.names(host) {
        // Both families at once, so that a server that is slow for one costs its time once.
        let (v4, v6) = std::thread::scope(|scope| {
            let v6 = scope.spawn(|| ask_servers(settings, &name, Family::V6));
            let v4 = ask_servers(settings, &name, Family::V4);
            (v4, v6.join().unwrap_or_else(|_| Err("a defect".to_owned())))
        });
        match (v4, v6) {
            (Err(first), Err(_)) => why = first,
            (v4, v6) => {
                let mut found = v4.unwrap_or_default();
                found.extend(v6.unwrap_or_default());
                if !found.is_empty() {
                    return Ok(found);
                }
                why = "it has no address".to_owned();
            }
        }
    }
    Err(why)
}

fn ask_servers(settings: &Settings, name: &str, family: Family) -> Result<Vec<IpAddr>, String> {
    let mut why = String::new();
    for _ in 0..settings.attempts {
        for &server in &settings.servers {
            let mut id = [0; 2];
            getrandom::fill(&mut id).map_err(|error| error.to_string())?;
            let asked = question(u16::from_be_bytes(id), name, family).ok_or("not a host name")?;
            match ask_one(server, &asked, family, settings.timeout) {
                Ok(Said::Addresses(addresses)) => return Ok(addresses),
                Ok(Said::NoSuchName) => return Err("no such name".to_owned()),
                Ok(Said::Failed(code)) => why = format!("the name server {} fails ({code})", server.ip()),
                Ok(Said::Truncated) => why = format!("the name server {} answers too long", server.ip()),
                Err(error) => why = format!("the name server {} does not answer: {error}", server.ip()),
            }
        }
    }
    Err(why)
}

/// One question to one server.
fn ask_one(server: SocketAddr, asked: &[u8], family: Family, timeout: Duration) -> io::Result<Said> {
    match over_udp(server, asked, family, timeout)? {
        Said::Truncated => over_tcp(server, asked, family, timeout),
        said => Ok(said),
    }
}

fn over_udp(server: SocketAddr, asked: &[u8], family: Family, timeout: Duration) -> io::Result<Said> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    // Connected, so that only this server's datagrams come, and its refusal is heard of.
    socket.connect(server)?;
    socket.send(asked)?;
    let deadline = Instant::now() + timeout;
    let mut buffer = [0; DATAGRAM];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::from(io::ErrorKind::TimedOut));
        }
        socket.set_read_timeout(Some(left))?;
        let count = socket.recv(&mut buffer).map_err(timed_out)?;
        // What is no answer to this question may be a late one to another.
        if let Some(said) = answer(&buffer[..count], asked, family) {
            return Ok(said);
        }
    }
}

fn over_tcp(server: SocketAddr, asked: &[u8], family: Family, timeout: Duration) -> io::Result<Said> {
    let mut stream = TcpStream::connect_timeout(&server, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    let length = u16::try_from(asked.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], asked].concat()).map_err(timed_out)?;
    let mut length = [0; 2];
    stream.read_exact(&mut length).map_err(timed_out)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).map_err(timed_out)?;
    answer(&message, asked, family).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

/// A socket's timeout is told as "would block".
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::Error::from(io::ErrorKind::TimedOut) } else { error }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn settings(server: SocketAddr) -> Settings {
        let mut settings = Settings::load(std::path::Path::new("/no/such/file"));
        settings.servers = vec![server];
        settings.timeout = Duration::from_secs(5);
        settings
    }

    /// The question as an answer: with an address if it asks for IPv4 ones, else without.
    fn answered(asked: &[u8], flags: [u8; 2]) -> Vec<u8> {
        let mut message = asked.to_vec();
        message[2..4].copy_from_slice(&flags);
        if message[message.len() - 3] == 1 {
            message[7] = 1;
            message.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 9]);
        }
        message
    }

    #[test]
    fn a_truncated_answer_is_asked_for_again_over_tcp() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = tcp.local_addr().unwrap();
        let udp = UdpSocket::bind(server).unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 512];
            for _ in 0..2 {
                let (count, from) = udp.recv_from(&mut buffer).unwrap();
                // First something that answers nothing.
                udp.send_to(b"junk", from).unwrap();
                let is_v4 = buffer[count - 3] == 1;
                let flags = if is_v4 { [0x83, 0x80] } else { [0x81, 0x80] };
                udp.send_to(&answered(&buffer[..count], flags), from).unwrap();
            }
        });
        std::thread::spawn(move || {
            let (mut stream, _) = tcp.accept().unwrap();
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut asked = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut asked).unwrap();
            let message = answered(&asked, [0x81, 0x80]);
            stream.write_all(&(message.len() as u16).to_be_bytes()).unwrap();
            stream.write_all(&message).unwrap();
        });
        let found = ask(&settings(server), "git.example").unwrap();
        assert_eq!(found, ["192.0.2.9".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn a_name_that_is_not_there_is_told() {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let server = udp.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 512];
            for _ in 0..2 {
                let (count, from) = udp.recv_from(&mut buffer).unwrap();
                udp.send_to(&answered(&buffer[..count], [0x81, 0x83]), from).unwrap();
            }
        });
        assert_eq!(ask(&settings(server), "git.example").unwrap_err(), "no such name");
    }
}
