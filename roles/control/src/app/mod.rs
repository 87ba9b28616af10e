//! The operations in domain terms, one file per resource. No HTTP here.

pub(crate) mod access;
pub(crate) mod activity;
pub(crate) mod api_key;
pub(crate) mod changes;
pub(crate) mod error;
pub(crate) mod events;
pub(crate) mod image;
pub(crate) mod organization;
pub(crate) mod registry;
pub(crate) mod sandbox;
pub(crate) mod signing;
pub(crate) mod snapshot;
pub(crate) mod volume;
pub(crate) mod warm_pool;

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use paddock_client::Door;
use paddock_store::{Store, StoreError};
use paddock_types::{Generation, Timestamp};
use paddock_wire_runner::RootStatus;
use tokio::sync::{Notify, watch};

use crate::auth::seal::Sealer;
use crate::build::Builds;
use crate::clock;
use crate::config::Config;
use crate::reconcile::queue::Queue;
use crate::runners::client::RunnerClient;
use crate::runners::mirror::Mirror;

pub(crate) use error::Error;

/// What every operation has at hand. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

/// Shared by all clones of one [`App`].
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) store: Store,
    /// Seals passwords that have to be said again.
    pub(crate) sealer: Sealer,
    /// When the store was made.
    pub(crate) born: Timestamp,
    /// Uses that are not written down yet.
    pub(crate) activity: activity::Activity,
    /// Tells of changes of sandboxes.
    pub(crate) changes: changes::Changes,
    /// Who is told what happened.
    pub(crate) events: events::Events,
    /// Sandboxes to look at.
    pub(crate) queue: Queue,
    /// Rings when a warm pool is to be looked at.
    pub(crate) pools: Notify,
    /// Changes of volumes under way.
    pub(crate) volumes: volume::Volumes,
    /// What the runner says.
    pub(crate) mirror: Mirror,
    /// Asks and tells the runner.
    pub(crate) runner: RunnerClient,
    /// Told when nothing may be made of some layer any more.
    pub(crate) layers: Notify,
    /// What root file systems with layers take.
    pub(crate) sizes: snapshot::Sizes,
    /// Told when a snapshot or a sandbox waits for an image, and when a build has ended.
    pub(crate) images: Notify,
    /// Builds under way.
    pub(crate) builds: Builds,
    /// Images of registries.
    pub(crate) registries: paddock_registry::Client,
    /// The way to the inside of builds' sandboxes.
    pub(crate) door: Door,
    /// How far the built-in root file system is, as the runner last said.
    pub(crate) root: watch::Sender<Option<RootStatus>>,
    epoch: AtomicU64,
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    pub(crate) async fn open(config: Config) -> Result<Self, StoreError> {
        let sealer = Sealer::open(&config.sealing_key)
            .map_err(|source| StoreError::Unavailable { source: source.into() })?;
        let store = Store::open(&config.store, clock::now()).await?;
        let (born, epoch) = (store.born().await?, store.epoch().await?);
        let registries = config.registries.clone();
        let door = Door::new(config.open_socket.clone());
        let builds = config.builds.clone();
        let app = Self(Arc::new(Shared {
            runner: RunnerClient::new(&config.runner_socket),
            config,
            sealer,
            store,
            born,
            activity: activity::Activity::default(),
            changes: changes::Changes::default(),
            events: events::Events::default(),
            queue: Queue::default(),
            pools: Notify::new(),
            volumes: volume::Volumes::default(),
            mirror: Mirror::default(),
            layers: Notify::new(),
            sizes: snapshot::Sizes::default(),
            images: Notify::new(),
            builds: Builds::new(builds),
            registries,
            door,
            root: watch::channel(None).0,
            epoch: AtomicU64::new(epoch),
        }));
        snapshot::ensure_builtin(&app).await?;
        Ok(app)
    }

    /// The wish after `last`.
    pub(crate) fn next_generation(&self, last: Generation) -> Generation {
        let epoch = self.epoch.load(Ordering::Acquire).max(last.epoch);
        Generation { epoch, number: last.number.saturating_add(1) }
    }

    /// The first wish of a sandbox.
    pub(crate) fn first_generation(&self) -> Generation {
        Generation { epoch: self.epoch.load(Ordering::Acquire), number: 1 }
    }

    /// Begins a new epoch of wishes, later than `seen`: the store does not remember having given that
    /// wish, so it is an old copy.
    pub(crate) async fn begin_epoch_after(&self, seen: Generation) -> Result<(), StoreError> {
        let now = u64::try_from(clock::now().0).unwrap_or_default();
        let epoch = self.store.raise_epoch(now.max(seen.epoch.saturating_add(1))).await?;
        self.epoch.fetch_max(epoch, Ordering::AcqRel);
        tracing::warn!(epoch, "the store is an older copy: a runner knows later wishes; a new epoch begins");
        Ok(())
    }
}
