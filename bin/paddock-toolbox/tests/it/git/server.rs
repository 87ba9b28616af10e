//! A server of git repositories over HTTP, as hosts are: `git http-backend` behind a little HTTP of our own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Serves until the test ends.
pub(crate) struct Server {
    address: SocketAddr,
    scheme: &'static str,
    state: Arc<State>,
}

/// How it behaves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Manners {
    /// Who is let in, as `name:password`; everybody if absent.
    pub(crate) user: Option<String>,
    /// Asks for the name only when something is sent, not when references are listed.
    pub(crate) asks_late: bool,
    /// Answers this status and nothing else.
    pub(crate) status: Option<u16>,
    /// Answers with this type of content.
    pub(crate) content_type: Option<&'static str>,
    /// Sends the references' request elsewhere: a base URL, or with a slash a path.
    pub(crate) redirect: Option<String>,
    /// Breaks off in the middle of what it sends of a pack.
    pub(crate) hangs_up: bool,
}

#[derive(Default)]
struct State {
    root: PathBuf,
    manners: Mutex<Manners>,
    requests: Mutex<Vec<Request>>,
    hold: Arc<Hold>,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Keeps requests from being answered.
#[derive(Default)]
pub(crate) struct Hold {
    state: Mutex<(bool, usize)>,
    changed: Condvar,
}

impl Hold {
    /// Whether a request waits.
    pub(crate) fn is_waiting(&self) -> bool {
        self.state.lock().unwrap().1 > 0
    }

    pub(crate) fn release(&self) {
        self.state.lock().unwrap().0 = false;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.1 += 1;
        while state.0 {
            state = self.changed.wait(state).unwrap();
        }
        state.1 -= 1;
    }
}

impl Server {
    /// Plain HTTP over the repositories below `root`.
    pub(crate) fn start(root: impl Into<PathBuf>) -> Self {
        Self::serve(root.into(), "http", |stream| Some(Box::new(stream)))
    }

    /// HTTPS with a certificate for `localhost` from an authority of its own, which is written to
    /// `authority` as PEM.
    pub(crate) fn start_tls(root: impl Into<PathBuf>, authority: &Path) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(authority, issuer.pem()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        let config = Arc::new(config);
        Self::serve(root.into(), "https", move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            Some(Box::new(StreamOwned::new(connection, stream)))
        })
    }

    fn serve(
        root: PathBuf,
        scheme: &'static str,
        wrap: impl Fn(TcpStream) -> Option<Box<dyn Stream>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State { root, ..State::default() });
        let serving = Arc::clone(&state);
        let wrap = Arc::new(wrap);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (state, wrap) = (Arc::clone(&serving), Arc::clone(&wrap));
                std::thread::spawn(move || {
                    // A client that leaves is a client that leaves.
                    let _ = wrap(stream.ok()?).and_then(|stream| state.answer(stream).ok());
                    Some(())
                });
            }
        });
        Self { address, scheme, state }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base())
    }

    pub(crate) fn base(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.address.port())
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn behave(&self, manners: Manners) {
        *self.state.manners.lock().unwrap() = manners;
    }

    /// Has requests wait until they are released.
    pub(crate) fn hold(&self) -> Arc<Hold> {
        self.state.hold.state.lock().unwrap().0 = true;
        Arc::clone(&self.state.hold)
    }

    /// The requests so far, which are forgotten.
    pub(crate) fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.state.requests.lock().unwrap())
    }
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

impl State {
    /// Answers one request and closes.
    fn answer(&self, stream: Box<dyn Stream>) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let request = read_request(&mut stream)?;
        self.requests.lock().unwrap().push(request.clone());
        self.hold.pass();
        let stream = stream.get_mut();
        let manners = self.manners.lock().unwrap().clone();
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        if let Some(status) = manners.status {
            return respond(stream, status, &[("Content-Type", "text/plain")], b"no");
        }
        if let Some(to) = manners.redirect.filter(|_| request.method == "GET") {
            let path = if to.starts_with("http") {
                format!("{to}{}", request.target)
            } else {
                format!("{to}/info/refs?{query}")
            };
            return respond(stream, 301, &[("Location", &path)], b"");
        }
        let is_asked = !manners.asks_late || request.method == "POST";
        if let Some(user) = manners.user.filter(|_| is_asked) {
            let wanted = format!("Basic {}", base64(user.as_bytes()));
            if request.header("authorization") != Some(&wanted) {
                return respond(stream, 401, &[("WWW-Authenticate", "Basic realm=\"git\"")], b"who are you?");
            }
        }
        let (status, headers, body) = self.backend(&request, path, query)?;
        let content_type = manners.content_type.unwrap_or(&headers);
        if manners.hangs_up && request.method == "POST" {
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes())?;
            stream.write_all(&body[..body.len() / 2])?;
            return stream.flush();
        }
        respond(stream, status, &[("Content-Type", content_type)], &body)
    }

    /// Status, content type and body of git's own answer.
    fn backend(&self, request: &Request, path: &str, query: &str) -> std::io::Result<(u16, String, Vec<u8>)> {
        let mut backend = Command::new("git")
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", &self.root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", "safe.directory")
            .env("GIT_CONFIG_VALUE_0", "*")
            .env("PATH_INFO", path)
            .env("QUERY_STRING", query)
            .env("REQUEST_METHOD", &request.method)
            .env("REMOTE_USER", "somebody")
            .env("REMOTE_ADDR", "127.0.0.1")
            .env("CONTENT_TYPE", request.header("content-type").unwrap_or(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut input = backend.stdin.take().unwrap();
        let body = request.body.clone();
        let writing = std::thread::spawn(move || input.write_all(&body));
        let output = backend.wait_with_output()?.stdout;
        let _ = writing.join();
        let end = memchr::memmem::find(&output, b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&output[..end]).into_owned();
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let status =
            field("Status:").and_then(|status| status.split(' ').next()?.parse().ok()).unwrap_or(200);
        Ok((status, field("Content-Type:").unwrap_or("text/plain").to_owned(), output[end + 4..].to_vec()))
    }
}

fn read_request(stream: &mut impl BufRead) -> std::io::Result<Request> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or("").to_owned(), words.next().unwrap_or("").to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut request = Request { method, target, headers, body: Vec::new() };
    if request.header("transfer-encoding") == Some("chunked") {
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            let length = usize::from_str_radix(line.trim(), 16).unwrap();
            let start = request.body.len();
            request.body.resize(start + length, 0);
            stream.read_exact(&mut request.body[start..])?;
            stream.read_line(&mut line)?;
            if length == 0 {
                break;
            }
        }
    } else if let Some(length) = request.header("content-length") {
        request.body.resize(length.parse().unwrap(), 0);
        stream.read_exact(&mut request.body)?;
    }
    Ok(request)
}

fn respond(
    stream: &mut dyn Stream,
    status: u16,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<()> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!(
        "HTTP/1.1 {status} S\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    stream.flush()
}

/// Standard Base64.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let number =
            group.iter().fold(0_u32, |sum, &byte| sum << 8 | u32::from(byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let letter = LETTERS[(number >> (18 - 6 * place)) as usize & 63] as char;
            text.push(if place <= group.len() { letter } else { '=' });
        }
    }
    text
}
