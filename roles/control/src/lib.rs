//! The control plane: the REST API, who may use it, and the loops that make wishes come true.
//!
//! A request changes what is *wished* and is answered from the record; loops compare the wish with what
//! a runner *observes* and act until they agree. The two meet only in the store. Control never touches
//! a host, and talks to the inside of no sandbox but those of its builds.
//!
//! ```text
//! http ──▶ auth ──▶ app ──▶ store ◀── reconcile ──▶ runners ──▶ (runner's socket)
//! ```

mod app;
mod auth;
mod build;
mod clock;
mod config;
pub mod failpoints;
mod http;
mod reconcile;
mod runners;
mod urls;

use std::sync::Arc;

pub use auth::secret::ApiKeySecret;
pub use config::{Config, EventLimits, InvalidPublicUrl, PublicUrl};
pub use http::openapi::document as openapi;
pub use paddock_store::{InvalidStoreUrl, StoreError, StoreUrl};
pub use tokio_util::sync::CancellationToken;

use paddock_registry::{Credentials, ImageReference};
use paddock_types::OrganizationId;
use paddock_wire_runner::RootStatus;
use tokio::sync::watch;

use app::App;
use app::events::EventSink;
use http::events::hub::Hub;
use reconcile::Reconciler;

/// The control plane of one installation. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Control {
    app: App,
    reconciler: Arc<Reconciler>,
    hub: Arc<Hub>,
}

/// What a first start makes. Printed by nobody but its receiver.
pub struct Bootstrap {
    /// The administrator's key in clear, for the only time.
    pub api_key: ApiKeySecret,
}

impl Control {
    /// Opens the store and prepares everything. Binds nothing, starts nothing; may be repeated on the
    /// same store after the last clone of the one before is dropped.
    ///
    /// # Errors
    /// When the store cannot be opened or belongs to another version.
    pub async fn open(config: Config) -> Result<Self, StoreError> {
        let app = App::open(config).await?;
        let reconciler = Arc::new(Reconciler::new(app.clone()));
        let hub = Arc::new(Hub::new(app.config.events));
        app.events.add(Arc::clone(&hub) as Arc<dyn EventSink>);
        Ok(Self { app, reconciler, hub })
    }

    /// On the first start makes the administrator, the personal organization and the administrator's
    /// key; later does nothing and gives back `None`.
    ///
    /// A crash before the caller has kept the key loses it. A caller who can prepare a key and keep it
    /// first should use [`Control::bootstrap_with`].
    ///
    /// # Errors
    /// When the store fails.
    pub async fn bootstrap(&self) -> Result<Option<Bootstrap>, StoreError> {
        let api_key = ApiKeySecret::generate();
        Ok(self.bootstrap_with(&api_key).await?.then_some(Bootstrap { api_key }))
    }

    /// The same with a key that the caller has made and kept. Gives back whether it was taken: it may
    /// be called at every start with the same key.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn bootstrap_with(&self, api_key: &ApiKeySecret) -> Result<bool, StoreError> {
        app::organization::bootstrap(&self.app, api_key).await
    }

    /// The public API, with everything under `/api`.
    pub fn router(&self) -> axum::Router {
        http::router::public(self.app.clone(), Arc::clone(&self.hub))
    }

    /// What the other roles of the front ask, under `/internal/v1`. Must not be reachable from outside.
    pub fn internal_router(&self) -> axum::Router {
        http::router::internal(self.app.clone())
    }

    /// What an organization says to the registry of an image, if it has anything to say.
    ///
    /// # Errors
    /// Why not, in words for the user: the password cannot be read any more, or the store is away.
    pub async fn registry_credentials_for(
        &self,
        organization: OrganizationId,
        image: &ImageReference,
    ) -> Result<Option<Credentials>, String> {
        let found = app::registry::registry_credentials_for(&self.app, organization, image).await;
        found.map_err(|error| match error {
            app::Error::Invalid(text) => text,
            _ => "the store is not available".to_owned(),
        })
    }

    /// How far the built-in root file system is, as the runner last said. `None`: not said yet.
    pub fn builtin_root(&self) -> watch::Receiver<Option<RootStatus>> {
        self.app.root.subscribe()
    }

    /// Follows the runner, makes wishes come true and writes activity down, until `shutdown`. Then
    /// writes down what is still in memory, ends the event streams and returns; wishes half fulfilled go on at the next start.
    pub async fn run(&self, shutdown: CancellationToken) {
        reconcile::run(&self.app, &self.reconciler, shutdown).await;
        self.hub.stop();
    }
}
