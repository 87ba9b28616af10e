//! The operations in domain terms, one file per resource. No HTTP here.

pub(crate) mod access;
pub(crate) mod activity;
pub(crate) mod api_key;
pub(crate) mod changes;
pub(crate) mod error;
pub(crate) mod organization;
pub(crate) mod sandbox;
pub(crate) mod snapshot;

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use paddock_store::{Store, StoreError};
use paddock_types::{Generation, Timestamp};
use paddock_wire_runner::RootStatus;
use tokio::sync::watch;

use crate::clock;
use crate::config::Config;
use crate::reconcile::queue::Queue;
use crate::runners::mirror::Mirror;

pub(crate) use error::Error;

/// What every operation has at hand. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

/// Shared by all clones of one [`App`].
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) store: Store,
    /// When the store was made.
    pub(crate) born: Timestamp,
    /// Uses that are not written down yet.
    pub(crate) activity: activity::Activity,
    /// Tells those who wait for a sandbox.
    pub(crate) changes: changes::Changes,
    /// Sandboxes to look at.
    pub(crate) queue: Queue,
    /// What the runner says.
    pub(crate) mirror: Mirror,
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
        let store = Store::open(&config.store, clock::now()).await?;
        let (born, epoch) = (store.born().await?, store.epoch().await?);
        let app = Self(Arc::new(Shared {
            config,
            store,
            born,
            activity: activity::Activity::default(),
            changes: changes::Changes::default(),
            queue: Queue::default(),
            mirror: Mirror::default(),
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
