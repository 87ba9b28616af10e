//! The front's process: control and proxy behind two sockets, without any privilege.

use std::io::Write;
use std::net::TcpListener;
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use paddock_client::Control as ControlClient;
use paddock_config::Config;
use paddock_control::Control;
use paddock_proxy::Proxy;
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
    if let Some(bootstrap) = control.bootstrap().await.context("could not make the first administrator")? {
        handed.say(&FrontSays::Key(bootstrap.api_key));
    }
    let client = ControlClient::in_process(control.internal_router());
    let proxy = Proxy::new(
        paddock_proxy::Config {
            open_socket: paths::run(config).join("open.sock"),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        client,
    );
    let api = http::serve(handed.api.try_clone()?, control.router(), shutdown.clone())?;
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
    let mut last = None;
    let mut status = control.builtin_snapshot();
    loop {
        let now = status.borrow_and_update().clone();
        match now {
            paddock_control::BuiltinStatus::Ready => return handed.say(&FrontSays::Ready),
            paddock_control::BuiltinStatus::Preparing(step) if step != last => {
                if let Some(step) = &step {
                    handed.say(&FrontSays::Progress(step.clone()));
                }
                last = step;
            }
            _ => {}
        }
        if status.changed().await.is_err() {
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
    Ok(paddock_control::Config {
        store,
        runner_socket: paths::run(config).join("runner.sock"),
        public_url: None,
        proxy_url,
        proxy_port,
        dashboard_url: None,
        region: REGION.to_owned(),
        default_snapshot: "paddock-small".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// A token that SIGTERM and SIGINT cancel.
pub(crate) fn shutdown_on_signals() -> Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let token = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let cancelled = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            // A person's Ctrl-C reaches every process of the terminal; the supervisor ends us in its order.
            () = async { while interrupt.recv().await.is_some() {} } => {}
        }
        cancelled.cancel();
    });
    Ok(token)
}
