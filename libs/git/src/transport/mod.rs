//! How the library reaches remotes: `http`, `https` and `git` URLs over sockets of ours. Local paths stay
//! the library's own; `ssh` is the program's.
//!
//! The library loses what an error was on its way through C, so a transport notes its own failure in the
//! [`Session`] and the operation asks there first.

mod daemon;
mod http;
mod http_config;
mod proxy;
mod redirect;
mod resolve;
mod roots;
mod upload;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use git2::transport::{Transport, register};
use paddock_wire_toolbox::ErrorCode;

use crate::credentials::Credentials;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::url::{self, Kind};

/// What the transports of one operation share.
pub(crate) struct Session {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    credentials: Option<Credentials>,
    skip_tls_check: bool,
    /// The first failure that a transport has met.
    failure: Mutex<Option<Failure>>,
}

impl Session {
    /// Sets up the transports. To be called once in a process, before any remote is connected.
    ///
    /// `settings` say where proxies and certificates are and which credentials are stored; `credentials`
    /// of the call come before stored ones.
    pub(crate) fn start(
        settings: Settings,
        credentials: Option<Credentials>,
        skip_tls_check: bool,
    ) -> Result<Self, Failure> {
        let shared = Arc::new(Shared { settings, credentials, skip_tls_check, failure: Mutex::new(None) });
        for scheme in ["http", "https"] {
            let shared = Arc::clone(&shared);
            plug_in(scheme, move |remote| {
                Transport::smart(remote, true, http::Http::new(Arc::clone(&shared)))
            })?;
        }
        let for_daemon = Arc::clone(&shared);
        plug_in("git", move |remote| {
            Transport::smart(remote, false, daemon::Daemon::new(Arc::clone(&for_daemon)))
        })?;
        Ok(Self { shared })
    }

    /// Why an operation on a remote failed: what a transport has noted, else what the library says.
    pub(crate) fn explain(&self, error: &git2::Error) -> Failure {
        let noted = self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        noted.unwrap_or_else(|| Failure::remote(error))
    }

    /// Refuses a URL that no transport here knows.
    pub(crate) fn check(url: &str) -> Result<(), Failure> {
        match url::kind(url) {
            Kind::Http | Kind::Git => Ok(()),
            Kind::Local => {
                let path = url.strip_prefix("file://").map_or_else(|| url.to_owned(), url::decode);
                if Path::new(&path).exists() {
                    return Ok(());
                }
                let message = format!("{url} does not appear to be a git repository");
                Err(Failure::new(ErrorCode::GitRepoNotFound, message))
            }
            Kind::Ssh => Err(Failure::transport(
                "URLs for ssh need the programs git and ssh, and the image has no git",
            )),
            Kind::Other => Err(Failure::bad_request(format!(
                "no way to reach {}: the scheme is not known",
                url::hide_passwords(url)
            ))),
        }
    }
}

impl Shared {
    /// Notes a failure, and gives back what the library is to be told.
    fn failed(&self, failure: Failure) -> git2::Error {
        let error = git2::Error::new(git2::ErrorCode::GenericError, git2::ErrorClass::Net, &failure.message);
        self.note(failure);
        error
    }

    fn note(&self, failure: Failure) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
    }
}

/// Has the library use `make` for URLs of `scheme`.
#[expect(unsafe_code, reason = "the library keeps its transports in a global list without a lock")]
fn plug_in<F>(scheme: &str, make: F) -> Result<(), Failure>
where
    F: Fn(&git2::Remote<'_>) -> Result<Transport, git2::Error> + Send + Sync + 'static,
{
    // SAFETY: the process has one thread that calls the library, and no remote has been connected yet.
    unsafe { register(scheme, make) }.map_err(Failure::from)
}
