//! One request to a registry: to whom, with what, and what its answer means.
//!
//! Redirects are followed by hand, so that each host on the way is looked at as the first one is, and none but the first
//! is shown a credential.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use paddock_driver_object::ObjectKey;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, LOCATION, RANGE, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};
use tokio::sync::Semaphore;

use crate::auth::{self, Challenge, TokenKey, Tokens};
use crate::error::{Cause, Error};
use crate::guard::{self, Guarded, GuardedResolver, Reach};
use crate::host::RegistryHost;
use crate::reference::ImageReference;
use crate::settings::{InvalidSetting, PrivateRegistries, Settings};
use crate::{Client, Credentials};

/// The most redirects of one request.
const MOST_REDIRECTS: usize = 5;
/// The longest answer of a token service.
const MOST_TOKEN_ANSWER: u64 = 256 << 10;
const CONNECT: Duration = Duration::from_secs(15);

/// What clones of a client share.
pub(crate) struct Inner {
    pub(crate) settings: Settings,
    /// For hosts that users name.
    guarded: reqwest::Client,
    /// For hosts that the administrator named.
    free: reqwest::Client,
    tokens: Tokens,
    /// One layer is brought by one at a time.
    pub(crate) locks: Mutex<BTreeMap<ObjectKey, Arc<tokio::sync::Mutex<()>>>>,
    pub(crate) permits: Arc<Semaphore>,
}

impl Inner {
    pub(crate) fn new(settings: Settings) -> Result<Self, InvalidSetting> {
        // Whoever came first decides; ours is the only one linked.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let authorities = authorities(&settings)?;
        let most = if settings.private == PrivateRegistries::All { Reach::Private } else { Reach::Public };
        let build = |most| -> Result<reqwest::Client, Cause> {
            let resolver = GuardedResolver::new(most, guard::proxies())?;
            let builder = reqwest::Client::builder()
                .user_agent(concat!("paddock/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(CONNECT)
                .pool_max_idle_per_host(4)
                .dns_resolver(resolver)
                .tls_certs_merge(authorities.clone());
            Ok(builder.build()?)
        };
        let permits = Arc::new(Semaphore::new(settings.limits.at_once_together));
        Ok(Self {
            guarded: build(most).map_err(InvalidSetting::Prepare)?,
            free: build(Reach::Never).map_err(InvalidSetting::Prepare)?,
            settings,
            tokens: Tokens::default(),
            locks: Mutex::default(),
            permits,
        })
    }
}

fn authorities(settings: &Settings) -> Result<Vec<reqwest::Certificate>, InvalidSetting> {
    let Some(path) = &settings.ca_file else { return Ok(Vec::new()) };
    let invalid = |source: Cause| InvalidSetting::Authorities { path: path.clone(), source };
    let text = std::fs::read(path).map_err(|error| invalid(error.into()))?;
    let found = reqwest::Certificate::from_pem_bundle(&text).map_err(|error| invalid(error.into()))?;
    if found.is_empty() { Err(invalid("it has none".into())) } else { Ok(found) }
}

/// One server that may have an image: a mirror, or the registry itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Its name in messages.
    pub(crate) name: RegistryHost,
    is_plain: bool,
    /// The repository as it is called there.
    repository: String,
    /// Credentials are the registry's own; a mirror sees none.
    is_mirror: bool,
}

impl Endpoint {
    /// The address of something in the repository.
    fn url(&self, what: &str) -> Result<Url, Error> {
        let scheme = if self.is_plain { "http" } else { "https" };
        let text = format!("{scheme}://{}/v2/{}/{what}", self.name.server(), self.repository);
        Url::parse(&text).map_err(|error| self.strange(format!("its address is none: {error}")))
    }

    pub(crate) fn server(&self) -> String {
        self.name.to_string()
    }

    pub(crate) fn strange(&self, what: impl Into<String>) -> Error {
        Error::Strange { server: self.server(), what: what.into() }
    }

    pub(crate) fn unreachable(&self, why: impl Into<String>, cause: Option<Cause>) -> Error {
        Error::Unreachable { server: self.server(), why: why.into(), cause }
    }
}

/// What is asked of an endpoint.
#[derive(Debug, Clone, Default)]
pub(crate) struct Question {
    /// Beneath the repository: `manifests/latest`.
    pub(crate) what: String,
    pub(crate) accept: Option<&'static str>,
    /// The first byte, and the last if not all are wanted.
    pub(crate) range: Option<(u64, Option<u64>)>,
}

/// Who asks, for which image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) image: &'a ImageReference,
    pub(crate) credentials: Option<&'a Credentials>,
}

impl Client {
    /// Who may have the image, in the order in which they are asked.
    pub(crate) fn endpoints(&self, image: &ImageReference) -> Vec<Endpoint> {
        let settings = &self.inner.settings;
        let mirrors = settings.mirrors.iter().filter(|mirror| mirror.of == *image.registry());
        let mut found: Vec<Endpoint> = mirrors
            .map(|mirror| Endpoint {
                name: mirror.host.clone(),
                is_plain: mirror.is_plain,
                repository: format!("{}{}", mirror.prefix, image.repository()),
                is_mirror: true,
            })
            .collect();
        if found.is_empty() || !settings.mirrors_only {
            found.push(Endpoint {
                name: image.registry().clone(),
                is_plain: settings.insecure.contains(image.registry()),
                repository: image.repository().to_owned(),
                is_mirror: false,
            });
        }
        found
    }

    /// Asks until there is an answer with content, as often as trying again may help.
    pub(crate) async fn ask(
        &self,
        from: &Endpoint,
        by: Asker<'_>,
        question: &Question,
    ) -> Result<Response, Error> {
        self.persist(|| self.ask_once(from, by, question)).await
    }

    /// Does something again, with growing pauses, as long as that may help.
    pub(crate) async fn persist<T, F: Future<Output = Result<T, Error>>>(
        &self,
        mut act: impl FnMut() -> F,
    ) -> Result<T, Error> {
        let mut tries = 0;
        loop {
            let error = match act().await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            tries += 1;
            if tries >= self.inner.settings.times.tries || !error.is_retryable() {
                return Err(error);
            }
            tracing::debug!(error = %error, tries, "asking a registry again");
            self.pause(tries, &error).await;
        }
    }

    /// Waits before try number `tries + 1`, counted from 1.
    pub(crate) async fn pause(&self, tries: u32, error: &Error) {
        let times = self.inner.settings.times;
        let usual = times.pause.saturating_mul(1 << (tries - 1).min(6)).min(times.longest_pause);
        let told = match error {
            Error::Limited { after: Some(after), .. } => *after,
            _ => Duration::ZERO,
        };
        // Half of it at random, so that many who failed at once do not come back at once.
        let mut random = [0; 2];
        let _ = getrandom::fill(&mut random);
        let part = f64::from(u16::from_le_bytes(random)) / f64::from(u16::MAX);
        let wait = usual.mul_f64(0.5 + part / 2.0).max(told).min(times.longest_pause);
        tokio::time::sleep(wait).await;
    }

    pub(crate) async fn ask_once(
        &self,
        from: &Endpoint,
        by: Asker<'_>,
        question: &Question,
    ) -> Result<Response, Error> {
        let url = from.url(&question.what)?;
        let credentials = by.credentials.filter(|_| !from.is_mirror);
        let scope = format!("repository:{}:pull", from.repository);
        let key = TokenKey::new(&from.server(), &scope, credentials);
        let mut answer = self.send(from, &url, question, self.inner.tokens.get(&key)).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            // What let us in before does not any more; once is tried with something new.
            self.inner.tokens.forget(&key);
            let Some(challenge) = Challenge::find(answer.headers()) else {
                return Err(refused(from, by, credentials));
            };
            drop(answer);
            let header = match challenge {
                Challenge::Basic => {
                    let Some(credentials) = credentials else { return Err(refused(from, by, None)) };
                    let header =
                        auth::basic(credentials).ok_or_else(|| refused(from, by, Some(credentials)))?;
                    self.inner.tokens.keep(key, header.clone(), Duration::from_secs(600));
                    header
                }
                Challenge::Bearer { realm, service, scope: wanted } => {
                    let scope = wanted.filter(|text| text.starts_with("repository:")).unwrap_or(scope);
                    self.token(from, by, credentials, &realm, service.as_deref(), &scope, key).await?
                }
            };
            answer = self.send(from, &url, question, Some(header)).await?;
        }
        check_status(from, by, credentials, answer)
    }

    /// Asks the service that a registry names for a token.
    #[expect(clippy::too_many_arguments, reason = "each is one thing that such a service is told")]
    async fn token(
        &self,
        from: &Endpoint,
        by: Asker<'_>,
        credentials: Option<&Credentials>,
        realm: &str,
        service: Option<&str>,
        scope: &str,
        key: TokenKey,
    ) -> Result<HeaderValue, Error> {
        let mut url = Url::parse(realm).map_err(|_| from.strange("it names no token service"))?;
        // A registry that is spoken to in secret does not have us say the password aloud.
        if url.scheme() != "https" && !(from.is_plain && url.scheme() == "http") {
            return Err(from.strange("its token service is not spoken to by HTTPS"));
        }
        let mut query = vec![("scope", scope)];
        query.extend(service.map(|service| ("service", service)));
        url.query_pairs_mut().extend_pairs(query);
        let header = credentials.and_then(auth::basic);
        let answer = self.send(from, &url, &Question::default(), header).await?;
        if answer.status() == StatusCode::UNAUTHORIZED || answer.status() == StatusCode::FORBIDDEN {
            return Err(refused(from, by, credentials));
        }
        let answer = check_status(from, by, credentials, answer)?;
        let text = self.read(from, answer, MOST_TOKEN_ANSWER).await?;
        let text = text.ok_or_else(|| from.strange("its token service talks too much"))?;
        let (value, lasts) =
            auth::token(&text).ok_or_else(|| from.strange("its token service gave no token"))?;
        self.inner.tokens.keep(key, value.clone(), lasts);
        Ok(value)
    }

    /// Sends one request and follows where it is sent on to. `authorization` is for the first host alone.
    async fn send(
        &self,
        from: &Endpoint,
        url: &Url,
        question: &Question,
        authorization: Option<HeaderValue>,
    ) -> Result<Response, Error> {
        let (first, mut url) = (url.origin(), url.clone());
        for _ in 0..=MOST_REDIRECTS {
            let client = self.client_for(from, &url)?;
            let mut request = client.get(url.clone());
            if let Some(header) = authorization.clone().filter(|_| url.origin() == first) {
                request = request.header(AUTHORIZATION, header);
            }
            if let Some(accept) = question.accept {
                request = request.header(ACCEPT, accept);
            }
            if let Some((start, end)) = question.range {
                let end = end.map(|end| end.to_string()).unwrap_or_default();
                request = request.header(RANGE, format!("bytes={start}-{end}"));
            }
            let sent = tokio::time::timeout(self.inner.settings.times.answer, request.send()).await;
            let Ok(sent) = sent else { return Err(from.unreachable("it does not answer in time", None)) };
            let answer = sent.map_err(|error| cut(from, error))?;
            if !answer.status().is_redirection() || answer.status() == StatusCode::NOT_MODIFIED {
                return Ok(answer);
            }
            let to = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            let next =
                to.and_then(|to| url.join(to).ok()).ok_or_else(|| from.strange("it sends us nowhere"))?;
            if url.scheme() == "https" && next.scheme() != "https" {
                return Err(from.strange("it sends us to where nothing is encrypted"));
            }
            url = next;
        }
        Err(from.strange("it sends us on and on"))
    }

    /// Which client may ask for this address.
    fn client_for(&self, from: &Endpoint, url: &Url) -> Result<&reqwest::Client, Error> {
        let forbidden = |why: String| Error::Forbidden { server: from.server(), why };
        let host = match (url.scheme(), url.host_str()) {
            ("http" | "https", Some(host)) => host,
            _ => return Err(forbidden("it leads to an address that is no web address".to_owned())),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(forbidden("it leads to an address with credentials in it".to_owned()));
        }
        let settings = &self.inner.settings;
        // The same without the port that is usual: a setting may have it or not.
        let named = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let usual = url.port_or_known_default().map(|port| format!("{host}:{port}")).unwrap_or_default();
        let is_named =
            [named, usual].iter().filter_map(|text| text.parse::<RegistryHost>().ok()).any(|host| {
                settings.insecure.contains(&host)
                    || settings.private.names(&host)
                    || settings.mirrors.iter().any(|mirror| mirror.host == host)
            });
        if is_named {
            return Ok(&self.inner.free);
        }
        if url.scheme() == "http" && !from.is_plain {
            return Err(forbidden("it leads to where nothing is encrypted".to_owned()));
        }
        // Addresses are not resolved, so nobody else looks at them.
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let most = if settings.private == PrivateRegistries::All { Reach::Private } else { Reach::Public };
        match literal {
            Ok(address) if Reach::of(address) > most => Err(forbidden(guarded(address))),
            _ => Ok(&self.inner.guarded),
        }
    }

    /// The whole content of an answer. `None`: it is longer than `most`.
    pub(crate) async fn read(
        &self,
        from: &Endpoint,
        mut answer: Response,
        most: u64,
    ) -> Result<Option<Vec<u8>>, Error> {
        let times = self.inner.settings.times;
        let mut content = Vec::new();
        let read = async {
            while let Some(piece) = next_piece(from, &mut answer, times.answer).await? {
                if (content.len() + piece.len()) as u64 > most {
                    return Ok(false);
                }
                content.extend_from_slice(&piece);
            }
            Ok(true)
        };
        match tokio::time::timeout(times.document, read).await {
            Ok(Ok(true)) => Ok(Some(content)),
            Ok(Ok(false)) => Ok(None),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(Error::TooSlow {
                server: from.server(),
                why: format!("a small answer took more than {} s", times.document.as_secs()),
            }),
        }
    }
}

/// The next piece of an answer's content.
pub(crate) async fn next_piece(
    from: &Endpoint,
    answer: &mut Response,
    patience: Duration,
) -> Result<Option<bytes::Bytes>, Error> {
    match tokio::time::timeout(patience, answer.chunk()).await {
        Ok(piece) => piece.map_err(|error| cut(from, error)),
        Err(_) => Err(Error::TooSlow {
            server: from.server(),
            why: format!("it sent nothing for {} s", patience.as_secs()),
        }),
    }
}

/// What an answer that is none means.
fn cut(from: &Endpoint, error: reqwest::Error) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(&error);
    let mut why =
        if error.is_connect() { "the connection failed" } else { "the connection was cut" }.to_owned();
    while let Some(inner) = cause {
        if let Some(found) = inner.downcast_ref::<Guarded>() {
            return Error::Forbidden { server: from.server(), why: guarded(found.address) };
        }
        if let Some(found) = inner.downcast_ref::<rustls::Error>() {
            why = format!("TLS: {found}");
        } else if let Some(found) = inner.downcast_ref::<hickory_resolver::net::NetError>() {
            why = if found.is_no_records_found() {
                "its name is not known".to_owned()
            } else {
                "its name cannot be resolved".to_owned()
            };
        } else if let Some(found) = inner.downcast_ref::<std::io::Error>()
            && found.kind() == std::io::ErrorKind::ConnectionRefused
        {
            "the connection was refused".clone_into(&mut why);
        }
        // What stands within an input error is not its source.
        cause = match inner.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(within) => Some(within),
            None => inner.source(),
        };
    }
    // The address may have a signature in it.
    from.unreachable(why, Some(error.without_url().into()))
}

fn guarded(address: IpAddr) -> String {
    match Reach::of(address) {
        Reach::Private => format!(
            "it is in a private network ({address}); the administrator of this server can allow that \
             (images.allow_private_registries)"
        ),
        _ => format!("its address ({address}) is not one of a registry"),
    }
}

fn refused(from: &Endpoint, by: Asker<'_>, credentials: Option<&Credentials>) -> Error {
    let (image, server) = (Box::new(by.image.clone()), from.server());
    match credentials {
        Some(_) => Error::Denied { image, server },
        None => Error::NeedsCredentials { image, server },
    }
}

/// An answer with content, or what it means instead.
fn check_status(
    from: &Endpoint,
    by: Asker<'_>,
    credentials: Option<&Credentials>,
    answer: Response,
) -> Result<Response, Error> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    Err(match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => refused(from, by, credentials),
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            Error::NotFound { image: Box::new(by.image.clone()), server: from.server() }
        }
        StatusCode::TOO_MANY_REQUESTS => {
            Error::Limited { server: from.server(), after: retry_after(&answer) }
        }
        StatusCode::SERVICE_UNAVAILABLE if retry_after(&answer).is_some() => {
            Error::Limited { server: from.server(), after: retry_after(&answer) }
        }
        StatusCode::REQUEST_TIMEOUT => from.unreachable("it gave up waiting", None),
        status if status.is_server_error() => from.unreachable(format!("it answers {status}"), None),
        status => from.strange(format!("it answers {status}")),
    })
}

/// Seconds, or a date.
fn retry_after(answer: &Response) -> Option<Duration> {
    let text = answer.headers().get(RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text.trim()).ok()?;
    Some(until.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[tokio::test]
    async fn which_hosts_are_spoken_to() {
        let settings = Settings {
            insecure: BTreeSet::from(["127.0.0.1:5000".parse().unwrap()]),
            private: "registry.corp,10.0.0.7:443".parse().unwrap(),
            ..Settings::default()
        };
        let client = Client::new(settings).unwrap();
        let may = |image: &str, url: &str| {
            let endpoint = client.endpoints(&image.parse().unwrap()).remove(0);
            client
                .client_for(&endpoint, &Url::parse(url).unwrap())
                .map(|chosen| std::ptr::eq(chosen, &client.inner.free))
        };
        assert!(may("127.0.0.1:5000/a", "http://127.0.0.1:5000/v2/").unwrap());
        assert!(may("10.0.0.7/a", "https://10.0.0.7/v2/").unwrap());
        assert!(may("registry.corp/a", "https://registry.corp/v2/").unwrap());
        assert!(!may("ghcr.io/a", "https://ghcr.io/v2/").unwrap());
        for (image, url) in [
            ("127.0.0.1:5001/a", "https://127.0.0.1:5001/v2/"),
            ("ghcr.io/a", "https://169.254.169.254/latest"),
            ("ghcr.io/a", "https://[::1]/"),
            ("ghcr.io/a", "https://[::ffff:10.0.0.1]/"),
            ("ghcr.io/a", "https://2130706433/"),
            ("ghcr.io/a", "https://0x7f.1/"),
            ("ghcr.io/a", "http://ghcr.io/"),
            ("ghcr.io/a", "ftp://ghcr.io/"),
            ("ghcr.io/a", "https://user:password@ghcr.io/"),
            ("10.0.0.7:5000/a", "https://10.0.0.7:5000/"),
        ] {
            assert!(matches!(may(image, url), Err(Error::Forbidden { .. })), "{url}");
        }
    }
}
