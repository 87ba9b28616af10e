//! The node agent: makes the sandboxes of one host what control wishes them to be, and says what it sees.
//!
//! It runs as root and is the only part of paddock that does. It parses no guest's HTTP, resolves no
//! name, and takes no host path from anybody: every path is derived from a parsed id. One task owns one
//! sandbox ([`sandbox`]); a journal on disk ([`journal`]) is enough to take over every running sandbox after
//! this process was killed; what a crash left half made is found by its owner's name and removed ([`reap`]).

pub mod host;
mod http;
mod hub;
mod journal;
mod layers;
mod lease;
mod links;
mod meter;
mod objects;
mod open;
mod pairs;
mod reap;
mod roots;
mod sandbox;
mod volumes;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use paddock_driver_image::Images;
use paddock_driver_network::Network;
use paddock_driver_runtime::Runtime;
use paddock_driver_storage::Storage;
use paddock_driver_volume::Volumes;
use paddock_porter::Porter;
use paddock_types::RunnerId;
use paddock_wire_runner::{PROTOCOL_VERSION, RunnerInfo};
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

pub use layers::LAYER_STEPS;
pub use lease::{IdLeases, lease_slot, release_slot};
pub use links::table_file as link_table_file;
pub use sandbox::{END_STEPS, EXPORT_STEPS, FORK_STEPS, HOLD_STEPS, LAUNCH_STEPS, RESTORE_STEPS};
pub use volumes::VOLUME_STEPS;

/// What a runner needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the runner keeps what must survive it. Root's alone (mode 0700).
    pub data: PathBuf,
    /// Where its sockets are. The front may enter.
    pub run: PathBuf,
    /// Where leases of things that are unique on the host are kept.
    pub leases: PathBuf,
    /// The toolbox program.
    pub toolbox: PathBuf,
    /// The user that the front runs as: beside root, the only one that is spoken to.
    pub front_uid: u32,
    /// The group that may reach the sockets.
    pub front_gid: u32,
    /// The most processes and threads of one sandbox.
    pub max_pids: u32,
    /// Namespaces made ahead.
    pub spare_pairs: usize,
    /// Added to the environment of every sandbox, unless its own says otherwise.
    pub environment: Vec<(String, String)>,
    /// The program's version.
    pub version: String,
}

/// What a runner works with.
pub struct Drivers {
    /// Starts and ends sandboxes.
    pub runtime: Arc<dyn Runtime>,
    /// Keeps their files.
    pub storage: Arc<dyn Storage>,
    /// Keeps what outlives them.
    pub volumes: Arc<dyn Volumes>,
    /// Connects them.
    pub network: Arc<dyn Network>,
    /// Makes their root file systems.
    pub images: Arc<dyn Images>,
    /// Carries their files to and from the object store.
    pub porter: Porter,
}

/// Everything that the parts of a runner share.
pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) drivers: Drivers,
    pub(crate) info: RunnerInfo,
    pub(crate) hub: hub::Hub,
    pub(crate) meters: meter::Meters,
    pub(crate) journal: journal::Journal,
    pub(crate) ids: IdLeases,
    pub(crate) pairs: pairs::Pairs,
    pub(crate) links: links::Links,
    pub(crate) roots: roots::Roots,
    pub(crate) layers: Arc<layers::Layers>,
    pub(crate) volumes: volumes::Volumes,
    /// How many launches run at once: more would only take turns on the processors.
    pub(crate) launches: tokio::sync::Semaphore,
}

/// Why a runner could not start.
#[derive(Debug, thiserror::Error)]
#[error("could not {action}")]
pub struct StartError {
    action: String,
    source: io::Error,
}

impl StartError {
    fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self { action, source }
    }
}

/// One runner.
pub struct Runner {
    context: Arc<Context>,
    registry: sandbox::Registry,
}

impl Runner {
    /// Reads the journal and takes over what runs. Binds nothing yet.
    pub fn open(config: Config, drivers: Drivers) -> Result<Self, StartError> {
        let id = load_id(&config)?;
        let info = RunnerInfo { id, protocol: PROTOCOL_VERSION, version: config.version.clone() };
        let journal = journal::Journal::open(&config.data.join("journal"))
            .map_err(StartError::io("open the journal"))?;
        let ids =
            IdLeases::open(&config.leases, &config.data).map_err(StartError::io("open the id leases"))?;
        std::fs::create_dir_all(sandbox::socket_directory(&config))
            .map_err(StartError::io("make a directory"))?;
        let layers =
            layers::Layers::open(config.data.join("layers")).map_err(StartError::io("look at the layers"))?;
        let launches = std::thread::available_parallelism().map_or(2, usize::from) * 2;
        let context = Arc::new(Context {
            pairs: pairs::Pairs::new(config.spare_pairs),
            links: links::Links::new(&config.run, config.front_gid),
            roots: roots::Roots::new(),
            layers: Arc::new(layers),
            volumes: volumes::Volumes::default(),
            hub: hub::Hub::new(),
            meters: meter::Meters::default(),
            launches: tokio::sync::Semaphore::new(launches),
            config,
            drivers,
            info,
            journal,
            ids,
        });
        Ok(Self { registry: sandbox::Registry::new(Arc::clone(&context)), context })
    }

    /// Serves until `shutdown`. Sandboxes run on when this returns.
    ///
    /// # Errors
    /// When a socket cannot be bound; later failures are logged and survived.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), StartError> {
        let Self { context, registry } = self;
        reap::remove_copies(&context).await;
        registry.adopt().await.map_err(StartError::io("take over sandboxes"))?;
        reap::reap_all(&context, &registry).await;
        let linking = Arc::clone(&context);
        if let Err(error) = blocking(move || linking.links.complete(&*linking.drivers.network)).await {
            tracing::error!(reason = chain(&error), "sandboxes that run could not all be linked");
        }
        let wishes = bind(&context.config, "runner.sock")?;
        let opens = bind(&context.config, "open.sock")?;
        tracing::info!(runner.id = %context.info.id, "runner serves");
        let parts = tokio_util::task::TaskTracker::new();
        parts.spawn(roots::prepare(Arc::clone(&context), shutdown.clone()));
        parts.spawn(pairs::refill(Arc::clone(&context), shutdown.clone()));
        parts.spawn(reap::run(Arc::clone(&context), registry.clone(), shutdown.clone()));
        parts.spawn(http::serve(wishes, Arc::clone(&context), registry.clone(), shutdown.clone()));
        parts.spawn(open::serve(opens, Arc::clone(&context), shutdown.clone()));
        parts.close();
        shutdown.cancelled().await;
        parts.wait().await;
        pairs::give_back(&context).await;
        Ok(())
    }
}

/// The runner's id: made at the first start, kept with the data.
fn load_id(config: &Config) -> Result<RunnerId, StartError> {
    let file = config.data.join("id");
    match std::fs::read_to_string(&file) {
        Ok(text) => text.trim().parse().map_err(|error| {
            StartError::io("read the runner's id")(io::Error::new(io::ErrorKind::InvalidData, error))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let id = RunnerId::random();
            std::fs::create_dir_all(&config.data).map_err(StartError::io("make the data directory"))?;
            std::fs::write(&file, id.to_string()).map_err(StartError::io("keep the runner's id"))?;
            Ok(id)
        }
        Err(error) => Err(StartError::io("read the runner's id")(error)),
    }
}

/// A listening socket in the run directory that root and the front's group may reach.
fn bind(config: &Config, name: &str) -> Result<UnixListener, StartError> {
    let path = config.run.join(name);
    let action = || format!("listen on {}", path.display());
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(StartError::io(action())(error)),
        _ => {}
    }
    let listener = UnixListener::bind(&path).map_err(StartError::io(action()))?;
    std::os::unix::fs::chown(&path, Some(0), Some(config.front_gid)).map_err(StartError::io(action()))?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o660);
    std::fs::set_permissions(&path, mode).map_err(StartError::io(action()))?;
    Ok(listener)
}

/// Runs `work`, which blocks, off the event loop.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => unreachable!("blocking work is never cancelled"),
        },
    }
}

/// An error and its causes on one line, for reasons and logs.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
