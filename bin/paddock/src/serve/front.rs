//! The front's process: control and proxy behind two sockets, without any privilege.

use std::io::Write;
use std::net::TcpListener;
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use paddock_client::Control as ControlClient;
use paddock_config::Config;
use paddock_control::{ApiKeySecret, Control};
use paddock_proxy::Proxy;
use paddock_wire_runner::RootState;
use tokio_util::sync::CancellationToken;

use super::FrontSays;
use crate::paths;
use crate::serve::http;

/// The one region of an embedded server.
pub(crate) const REGION: &str = "local";

/// What the supervisor handed down: the API's socket, the proxy's, and where to say things.
struct Handed {
    api: TcpListener,
    proxy: TcpListener,
    says: Mutex<std::fs::File>,
}

impl Handed {
    fn take() -> Self {
        #[expect(unsafe_code, reason = "descriptors come by number from the supervisor")]
        // SAFETY: the supervisor put the three there and nobody else in this process owns them.
        let [api, proxy, says] = unsafe { [3, 4, 5].map(|fd| OwnedFd::from_raw_fd(fd)) };
        Self { api: api.into(), proxy: proxy.into(), says: Mutex::new(says.into()) }
    }

    fn say(&self, what: &FrontSays) {
        let Ok(mut line) = serde_json::to_vec(what) else { return };
        line.push(b'\n');
        let mut says = self.says.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = says.write_all(&line) {
            tracing::warn!(%error, "nobody hears what the front says");
        }
    }
}

/// Runs until SIGTERM.
pub(crate) fn run(config: &Config) -> Result<()> {
    let handed = Handed::take();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(config, handed))
}

async fn serve(config: &Config, handed: Handed) -> Result<()> {
    let handed = Arc::new(handed);
    let shutdown = shutdown_on_signals()?;
    let proxy_port = handed.proxy.local_addr()?.port();
    let control =
        Control::open(control_config(config, proxy_port)?).await.context("could not open control")?;
    if let Some(key) = first_key() {
        control.bootstrap_with(&key).await.context("could not make the first administrator")?;
    }
    let client = ControlClient::in_process(control.internal_router());
    let proxy = Proxy::new(
        paddock_proxy::Config {
            open_socket: paths::run(config).join("open.sock"),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        client,
    );
    let api = proxy.legacy_router().merge(control.router());
    let api = http::serve(handed.api.try_clone()?, api, shutdown.clone())?;
    let proxy = http::serve(handed.proxy.try_clone()?, proxy.router(), shutdown.clone())?;
    handed.say(&FrontSays::Serving);
    let telling = tokio::spawn(tell_of_snapshot(control.clone(), Arc::clone(&handed)));
    control.run(shutdown).await;
    telling.abort();
    tokio::join!(api, proxy);
    Ok(())
}

/// Says what becomes of the built-in snapshot until sandboxes can be made.
async fn tell_of_snapshot(control: Control, handed: Arc<Handed>) {
    let mut root = control.builtin_root();
    loop {
        let status = root.borrow_and_update().clone();
        match status.map(|status| (status.state, status.detail)) {
            Some((RootState::Ready, _)) => return handed.say(&FrontSays::Ready),
            Some((RootState::Preparing, Some(step))) => handed.say(&FrontSays::Progress(step)),
            Some((RootState::Failed, reason)) => handed.say(&FrontSays::Progress(format!(
                "the built-in snapshot could not be made and is tried again: {}",
                reason.unwrap_or_default()
            ))),
            Some((RootState::Preparing, None)) | None => {}
        }
        if root.changed().await.is_err() {
            return;
        }
    }
}

fn control_config(config: &Config, proxy_port: u16) -> Result<paddock_control::Config> {
    let store = match &config.database_url {
        Some(url) => url.parse()?,
        None => paddock_control::StoreUrl::Sqlite(paths::front(config).join("store.db")),
    };
    let proxy_url = config.public_url.as_deref().map(str::parse).transpose().context("public_url")?;
    let images = &config.images;
    let images = paddock_registry::Settings {
        mirrors: paddock_registry::mirrors(&images.mirrors).context("images.mirrors")?,
        mirrors_only: images.mirrors_only,
        insecure: paddock_registry::hosts(&images.insecure_registries)
            .context("images.insecure_registries")?,
        private: images.allow_private_registries.parse().context("images.allow_private_registries")?,
        ca_file: images.ca_file.clone(),
        ..paddock_registry::Settings::default()
    };
    Ok(paddock_control::Config {
        sealing_key: paths::front(config).join("sealing.key"),
        store,
        runner_socket: paths::run(config).join("runner.sock"),
        open_socket: paths::run(config).join("open.sock"),
        builds: paths::front(config).join("builds"),
        objects: objects()?,
        registries: paddock_registry::Client::new(images)?,
        public_url: None,
        proxy_url,
        proxy_port,
        dashboard_url: None,
        region: REGION.to_owned(),
        default_snapshot: "paddock-small".to_owned(),
        timer_period: paddock_control::Config::TIMER_PERIOD,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        events: paddock_control::EventLimits::default(),
    })
}

/// Where objects are kept, as the supervisor says.
fn objects() -> Result<Arc<dyn paddock_driver_object::ObjectStore>> {
    let told = std::env::var(super::STORE_VARIABLE).context("nobody said where objects are kept")?;
    let store: paddock_porter::StoreConfig = serde_json::from_str(&told).context("where objects are kept")?;
    store.open().context("the object store cannot be opened")
}

/// The administrator's first key, which the supervisor has made and kept before we exist.
fn first_key() -> Option<ApiKeySecret> {
    std::env::var(super::FIRST_KEY_VARIABLE).ok().and_then(|text| ApiKeySecret::parse(&text))
}

/// A token that SIGTERM cancels.
pub(crate) fn shutdown_on_signals() -> Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let token = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let cancelled = token.clone();
    tokio::spawn(async move {
        terminate.recv().await;
        cancelled.cancel();
    });
    Ok(token)
}
