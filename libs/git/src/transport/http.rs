//! The smart HTTP protocol: two requests per operation, `info/refs` and the service itself.
//!
//! Streams both ways: an answer is read as it comes, and a request that grows beyond [`HELD_BYTES`] goes
//! out in chunks while the library makes it.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream};
use paddock_wire_toolbox::ErrorCode;
use ureq::http::{Response, StatusCode};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body};

use super::http_config::{HttpConfig, is_set};
use super::resolve::Names;
use super::upload::Upload;
use super::{Shared, proxy, redirect, roots};
use crate::credentials::{Credentials, stored};
use crate::failure::Failure;
use crate::url::{Parts, hide_passwords};

/// A request up to this length has a length and can be sent again; as git's `http.postBuffer`.
const HELD_BYTES: usize = 1 << 20;

/// How long a connection may take to be there, TLS included. Transfers have no limit.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Hosts serve what begins so.
const USER_AGENT: &str = "git/2.0 (paddock)";

/// The sub-transport of one remote.
pub(super) struct Http {
    shared: Arc<Shared>,
    server: Mutex<Option<Arc<Server>>>,
}

/// A server that has been found: where redirects led to, and what it has to be shown.
struct Server {
    shared: Arc<Shared>,
    agent: Agent,
    /// Without credentials and without a slash at its end.
    base: String,
    /// Whom the URL names, without a password.
    username: Option<String>,
    settings: HttpConfig,
    authorization: Mutex<Option<String>>,
}

impl Http {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, server: Mutex::new(None) }
    }

    fn discover(&self, url: &str, service: &'static str) -> Result<Stream, Failure> {
        let (server, answer) = Server::discover(&self.shared, url, service)?;
        *lock(&self.server) = Some(server);
        Ok(Stream::Reading {
            body: Box::new(answer.into_body().into_reader()),
            shared: Arc::clone(&self.shared),
        })
    }
}

impl SmartSubtransport for Http {
    fn action(&self, url: &str, action: Service) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        let stream = match action {
            Service::UploadPackLs => self.discover(url, "git-upload-pack"),
            Service::ReceivePackLs => self.discover(url, "git-receive-pack"),
            Service::UploadPack | Service::ReceivePack => {
                let service =
                    if action == Service::UploadPack { "git-upload-pack" } else { "git-receive-pack" };
                let server = lock(&self.server).clone();
                server
                    .map(|server| Stream::Collecting { server, service, request: Vec::new() })
                    .ok_or_else(|| Failure::internal("a request before the server was found"))
            }
        };
        match stream {
            Ok(stream) => Ok(Box::new(stream)),
            Err(failure) => Err(self.shared.failed(failure)),
        }
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

impl Server {
    /// Asks `url` for the references that `service` offers, wherever redirects lead and with the
    /// credentials that are asked for.
    fn discover(
        shared: &Arc<Shared>,
        url: &str,
        service: &'static str,
    ) -> Result<(Arc<Self>, Response<Body>), Failure> {
        let mut base = url.to_owned();
        for _ in 0..=redirect::LIMIT {
            let server = Self::at(shared, &base, url)?;
            let answer = server.authorized(|| {
                server
                    .request(server.agent.get(server.address(&format!("info/refs?service={service}"))))
                    .call()
            })?;
            if answer.status().is_redirection() {
                base = redirect::base(&server.base, service, &answer)?;
                continue;
            }
            let answer = server.accept(answer, &format!("application/x-{service}-advertisement"))?;
            return Ok((Arc::new(server), answer));
        }
        Err(Failure::transport(format!("too many redirects from {}", hide_passwords(url))))
    }

    /// The server at `base`; `asked` is what the remote's URL says.
    fn at(shared: &Arc<Shared>, base: &str, asked: &str) -> Result<Self, Failure> {
        let parts = Parts::of(base)
            .filter(|parts| !parts.authority.is_empty())
            .ok_or_else(|| Failure::bad_request(format!("not a URL: {}", hide_passwords(base))))?;
        let is_https = parts.scheme.eq_ignore_ascii_case("https");
        let settings = HttpConfig::of(&shared.settings, base);
        let skip_check = shared.skip_tls_check || !settings.verify;
        let roots =
            if is_https && !skip_check { roots::load(settings.ca_file.as_deref())? } else { Vec::new() };
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .disable_verification(skip_check)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let (host, _) = parts.host_and_port();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .proxy(proxy::of(is_https, host, settings.proxy.as_deref())?)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .user_agent(USER_AGENT)
            .build();
        // The call's credentials, and those in the URL, are for the host that was asked and no other.
        let asked_parts = Parts::of(asked);
        let is_same = asked_parts.as_ref().is_some_and(|asked| {
            asked.scheme.eq_ignore_ascii_case(parts.scheme)
                && asked.authority.eq_ignore_ascii_case(parts.authority)
        });
        let username = asked_parts.as_ref().and_then(|asked| asked.username.clone()).filter(|_| is_same);
        let in_url =
            |parts: Parts<'_>| Some(Credentials { username: parts.username?, password: parts.password? });
        let given = shared.credentials.clone().or_else(|| in_url(asked_parts?)).filter(|_| is_same);
        Ok(Self {
            shared: Arc::clone(shared),
            agent: Agent::with_parts(agent, DefaultConnector::default(), Names),
            base: format!(
                "{}://{}{}",
                parts.scheme.to_ascii_lowercase(),
                parts.authority,
                parts.path.trim_end_matches('/')
            ),
            username,
            settings,
            authorization: Mutex::new(given.map(|credentials| credentials.basic())),
        })
    }

    fn address(&self, rest: &str) -> String {
        format!("{}/{rest}", redirect::encoded(&self.base))
    }

    /// A request with what the server has to be shown.
    fn request<T>(&self, mut request: ureq::RequestBuilder<T>) -> ureq::RequestBuilder<T> {
        request = request.header("Accept", "*/*");
        if let Some(authorization) = lock(&self.authorization).as_ref() {
            request = request.header("Authorization", authorization);
        }
        for (name, value) in &self.settings.extra_headers {
            request = request.header(name, value);
        }
        request
    }

    /// Sends what `send` makes, once more with stored credentials if it is asked for some and none were
    /// shown.
    fn authorized(
        &self,
        mut send: impl FnMut() -> Result<Response<Body>, ureq::Error>,
    ) -> Result<Response<Body>, Failure> {
        let answer = send().map_err(|error| self.failure(&error))?;
        let was_shown = lock(&self.authorization).is_some();
        if answer.status() != StatusCode::UNAUTHORIZED || was_shown || self.shared.credentials.is_some() {
            return Ok(answer);
        }
        match stored(&self.shared.settings, &self.base, self.username.as_deref()) {
            Some(credentials) => {
                *lock(&self.authorization) = Some(credentials.basic());
                drop(answer);
                send().map_err(|error| self.failure(&error))
            }
            None => Ok(answer),
        }
    }

    /// The answer if it is what git's servers answer, else why not.
    fn accept(&self, answer: Response<Body>, content_type: &str) -> Result<Response<Body>, Failure> {
        let base = &self.base;
        let status = answer.status();
        let (code, why) = match status {
            StatusCode::OK => {
                let given = answer.headers().get("content-type").and_then(|value| value.to_str().ok());
                let given = given.unwrap_or("nothing");
                if given
                    .split(';')
                    .next()
                    .is_some_and(|given| given.trim().eq_ignore_ascii_case(content_type))
                {
                    return Ok(answer);
                }
                (
                    ErrorCode::GitTransportFailed,
                    format!("no smart git server answers there (it sent {given})"),
                )
            }
            StatusCode::UNAUTHORIZED if lock(&self.authorization).is_some() => {
                (ErrorCode::GitAuthFailed, "authentication failed".to_owned())
            }
            StatusCode::UNAUTHORIZED => (
                ErrorCode::GitAuthFailed,
                "authentication required, and no credentials were given".to_owned(),
            ),
            StatusCode::FORBIDDEN => (ErrorCode::Forbidden, "the server refuses access (403)".to_owned()),
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                (ErrorCode::GitRepoNotFound, format!("repository not found ({})", status.as_u16()))
            }
            _ => (ErrorCode::GitTransportFailed, format!("the server answers {status}")),
        };
        Err(Failure::new(code, format!("{base}: {why}")))
    }

    fn failure(&self, error: &ureq::Error) -> Failure {
        if matches!(error, ureq::Error::Http(_) | ureq::Error::BadUri(_)) {
            return Failure::bad_request(format!("{}: not a URL: {error}", self.base));
        }
        Failure::transport(format!("{}: {}", self.base, words(error)))
    }

    /// Sends a whole request for a service.
    fn post(&self, service: &str, request: &[u8]) -> Result<Response<Body>, Failure> {
        let answer = self.authorized(|| self.prepared_post(service).send(request))?;
        self.accept(answer, &format!("application/x-{service}-result"))
    }

    fn prepared_post(&self, service: &str) -> ureq::RequestBuilder<ureq::typestate::WithBody> {
        self.request(self.agent.post(self.address(service)))
            .header("Content-Type", format!("application/x-{service}-request"))
    }

    /// Makes sure that the server lets us in before something is sent that cannot be sent again, with
    /// the empty request that git sends for the same reason.
    fn probe(&self, service: &str) -> Result<(), Failure> {
        if lock(&self.authorization).is_none() {
            let answer = self.authorized(|| self.prepared_post(service).send(&b"0000"[..]))?;
            if matches!(answer.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
                return self.accept(answer, "").map(drop);
            }
        }
        Ok(())
    }
}

/// What the library writes to and reads from.
enum Stream {
    /// The request is being made and is still short.
    Collecting { server: Arc<Server>, service: &'static str, request: Vec<u8> },
    /// The request goes out as it is made.
    Sending { server: Arc<Server>, service: &'static str, upload: Upload },
    /// The answer.
    Reading { body: Box<dyn Read + Send>, shared: Arc<Shared> },
    /// A failure has been noted.
    Broken,
}

impl Stream {
    /// Notes a failure and gives back what the library is to be told.
    fn broken(&mut self, shared: &Shared, failure: Failure) -> io::Error {
        let error = io::Error::other(failure.message.clone());
        shared.note(failure);
        *self = Self::Broken;
        error
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Collecting { server, service, request } => {
                request.extend_from_slice(bytes);
                if request.len() > HELD_BYTES {
                    let (server, service) = (Arc::clone(server), *service);
                    let first = std::mem::take(request);
                    if let Err(failure) = server.probe(service) {
                        return Err(self.broken(&server.shared, failure));
                    }
                    let builder = server.prepared_post(service);
                    *self = Self::Sending { upload: Upload::start(builder, first)?, server, service };
                }
                Ok(bytes.len())
            }
            Self::Sending { upload, .. } => {
                if upload.push(bytes) {
                    return Ok(bytes.len());
                }
                // The server has answered or gone before it had everything.
                match self.answer() {
                    Ok(()) => Err(io::Error::from(io::ErrorKind::BrokenPipe)),
                    Err(error) => Err(error),
                }
            }
            Self::Reading { .. } | Self::Broken => Err(io::Error::from(io::ErrorKind::BrokenPipe)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream {
    /// Ends the request and goes on to its answer.
    fn answer(&mut self) -> io::Result<()> {
        let (server, answer) = match std::mem::replace(self, Self::Broken) {
            Self::Collecting { server, service, request } => {
                let answer = server.post(service, &request);
                (server, answer)
            }
            Self::Sending { server, service, upload } => {
                let answer = upload
                    .finish()
                    .map_err(|error| server.failure(&error))
                    .and_then(|answer| server.accept(answer, &format!("application/x-{service}-result")));
                (server, answer)
            }
            other => {
                *self = other;
                return Ok(());
            }
        };
        match answer {
            Ok(answer) => {
                let body = Box::new(answer.into_body().into_reader());
                *self = Self::Reading { body, shared: Arc::clone(&server.shared) };
                Ok(())
            }
            Err(failure) => Err(self.broken(&server.shared, failure)),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.answer()?;
        let Self::Reading { body, shared } = self else {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe));
        };
        match body.read(buffer) {
            Ok(count) => Ok(count),
            Err(error) => {
                let failure = Failure::transport(format!("the remote end hung up: {error}"));
                let shared = Arc::clone(shared);
                Err(self.broken(&shared, failure))
            }
        }
    }
}

/// What a failed request says, in words for users.
fn words(error: &ureq::Error) -> String {
    match error {
        ureq::Error::HostNotFound => "could not resolve host".to_owned(),
        ureq::Error::Timeout(_) => format!("connection timed out ({error})"),
        // What the resolver has said.
        ureq::Error::Other(why) => why.to_string(),
        ureq::Error::ConnectProxyFailed(why) => format!("the proxy refuses: {why}"),
        ureq::Error::Rustls(error) => format!("TLS: {error}"),
        // TLS comes wrapped as an I/O error from the first handshake.
        ureq::Error::Io(error) if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => {
            format!("TLS: {error}")
        }
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            "connection refused".to_owned()
        }
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the remote end hung up".to_owned()
        }
        error => error.to_string(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a variable of the environment is set to something that means yes.
pub(super) fn environment_says(name: &str) -> bool {
    std::env::var(name).is_ok_and(|value| is_set(&value))
}
