//! A way to the API that a test can make blind or cut: what lies between a client and a server on a bad day.
//!
//! It passes HTTP on, one request per connection, and WebSockets byte by byte. A script steers it by requests of its own:
//!
//! | `POST /passage/…` | from then on |
//! |---|---|
//! | `open` | everything passes |
//! | `blind/N` | each GET of one sandbox repeats what was last answered; what the sockets carry waits until N were repeated |
//! | `cut/N` | the same, and instead of going on, the sockets break at the first such GET and new ones are refused; after N repeated answers polling sees again |
//!
//! Each of them answers with what was counted, and counts anew; `report` only answers. A wait that ends while polling is
//! blind was ended by an event; one that ends while there are no sockets was ended by polling.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

use serde_json::{Value, json};

/// The longest head of a request.
const LONGEST_HEAD: usize = 64 << 10;

/// A passage to one API. Ends with the process.
#[derive(Debug)]
pub struct Passage {
    /// The base of the API as seen through it.
    pub api_url: String,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    plan: Plan,
    /// What each GET of a sandbox was last answered by the server.
    last: HashMap<String, Vec<u8>>,
    /// GETs of one sandbox since the plan was made.
    gets: usize,
    /// Open sockets; whether they were let in.
    sockets: HashMap<usize, Tunnel>,
    made: usize,
}

#[derive(Debug)]
struct Tunnel {
    ends: [TcpStream; 2],
    is_let_in: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Plan {
    #[default]
    Open,
    Blind(usize),
    Cut(usize),
}

/// One request: its head as it came, and what is needed of it.
struct Request {
    head: String,
    body: Vec<u8>,
    method: String,
    path: String,
}

impl Passage {
    /// A passage to the API at `api_url`.
    pub fn to(api_url: &str) -> Self {
        let (authority, path) = api_url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let server: SocketAddr = authority.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let api_url = format!("http://{}/{path}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                // A peer that goes away is nothing to report: the script sees what it lacks.
                thread::spawn(move || drop(shared.serve(client, server)));
            }
        });
        Self { api_url }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn serve(&self, mut client: TcpStream, server: SocketAddr) -> std::io::Result<()> {
        let request = Request::read(&mut client)?;
        if let Some(order) = request.path.strip_prefix("/passage/") {
            let body = self.order(order).to_string();
            return write!(
                client,
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
        }
        if request.has("upgrade: websocket") {
            return self.tunnel(client, server, &request);
        }
        let is_watched = request.method == "GET" && is_one_sandbox(&request.path);
        if is_watched && let Some(answer) = self.repeated(&request.path) {
            client.write_all(&answer)?;
            // What the sockets carry may go on from here.
            self.changed.notify_all();
            return Ok(());
        }
        let mut upstream = TcpStream::connect(server)?;
        upstream.write_all(request.closing().as_bytes())?;
        upstream.write_all(&request.body)?;
        let mut answer = Vec::new();
        upstream.read_to_end(&mut answer)?;
        if is_watched {
            self.lock().last.insert(request.path, answer.clone());
        }
        client.write_all(&answer)
    }

    fn order(&self, order: &str) -> Value {
        let mut state = self.lock();
        let let_in = state.sockets.values().filter(|tunnel| tunnel.is_let_in).count();
        let report = json!({"sockets": let_in, "gets": state.gets});
        let (word, number) = order.split_once('/').unwrap_or((order, "0"));
        let number = number.parse().unwrap();
        state.plan = match word {
            "open" => Plan::Open,
            "blind" => Plan::Blind(number),
            "cut" => Plan::Cut(number),
            _ => return report,
        };
        state.gets = 0;
        drop(state);
        self.changed.notify_all();
        report
    }

    /// What a GET is to repeat, if it is not to see; breaks the sockets at the first one of a cut.
    fn repeated(&self, path: &str) -> Option<Vec<u8>> {
        let mut state = self.lock();
        state.gets += 1;
        let (plan, gets) = (state.plan, state.gets);
        if matches!(plan, Plan::Cut(_)) {
            for (_, tunnel) in state.sockets.drain() {
                tunnel.ends.iter().for_each(|end| drop(end.shutdown(Shutdown::Both)));
            }
        }
        match plan {
            Plan::Blind(_) => state.last.get(path).cloned(),
            Plan::Cut(most) if gets <= most => state.last.get(path).cloned(),
            Plan::Open | Plan::Cut(_) => None,
        }
    }

    fn tunnel(&self, mut client: TcpStream, server: SocketAddr, request: &Request) -> std::io::Result<()> {
        let mut upstream = TcpStream::connect(server)?;
        let ends = [client.try_clone()?, upstream.try_clone()?];
        let number = {
            let mut state = self.lock();
            if matches!(state.plan, Plan::Cut(_)) {
                drop(state);
                return client.write_all(
                    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
                );
            }
            state.made += 1;
            let number = state.made;
            state.sockets.insert(number, Tunnel { ends, is_let_in: false });
            number
        };
        upstream.write_all(request.head.as_bytes())?;
        let (mut from, mut to) = (client.try_clone()?, upstream.try_clone()?);
        thread::spawn(move || {
            drop(std::io::copy(&mut from, &mut to));
            drop(to.shutdown(Shutdown::Both));
        });
        let mut piece = [0; 16 << 10];
        while let Ok(length @ 1..) = upstream.read(&mut piece) {
            let piece = &piece[..length];
            let is_answer = piece.windows(9).any(|bytes| bytes == br#"40{"sid":"#);
            let mut state = self
                .changed
                .wait_while(self.lock(), |state| match state.plan {
                    Plan::Open => false,
                    Plan::Blind(most) => state.gets < most,
                    Plan::Cut(_) => state.sockets.contains_key(&number),
                })
                .unwrap();
            if is_answer && let Some(tunnel) = state.sockets.get_mut(&number) {
                tunnel.is_let_in = true;
            }
            drop(state);
            if client.write_all(piece).is_err() {
                break;
            }
        }
        self.lock().sockets.remove(&number);
        drop(client.shutdown(Shutdown::Both));
        drop(upstream.shutdown(Shutdown::Both));
        Ok(())
    }
}

impl Request {
    fn read(client: &mut TcpStream) -> std::io::Result<Self> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            let mut piece = [0; 4096];
            let length = client.read(&mut piece)?;
            if length == 0 || bytes.len() > LONGEST_HEAD {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            bytes.extend_from_slice(&piece[..length]);
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut body = bytes.split_off(end);
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok())
            .unwrap_or(0);
        let missing = usize::saturating_sub(length, body.len());
        body.resize(body.len() + missing, 0);
        client.read_exact(&mut body[length - missing..])?;
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default());
        let path = path.split('?').next().unwrap_or_default().to_owned();
        Ok(Self { head, body, method, path })
    }

    fn has(&self, header: &str) -> bool {
        self.head.lines().any(|line| line.eq_ignore_ascii_case(header))
    }

    /// Its head, asking for the connection to be closed after the answer.
    fn closing(&self) -> String {
        let lines =
            self.head.trim_end().lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
        lines.map(|line| format!("{line}\r\n")).collect::<String>() + "connection: close\r\n\r\n"
    }
}

/// Whether a path is that of one sandbox and no more.
fn is_one_sandbox(path: &str) -> bool {
    path.strip_prefix("/api/sandbox/").is_some_and(|rest| rest.len() == 36 && !rest.contains('/'))
}
