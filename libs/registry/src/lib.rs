//! Images in registries: their names, what they are, and their layers on the way to the object store.
//!
//! ```text
//!  "python:3.12" ─▶ ImageReference ─▶ Client::resolve ─▶ Image { config, layers } ─▶ Client::fetch_layers ─▶ objects
//!                                      │ mirrors, tokens, platform                   │ Range after a cut, sum and size
//! ```
//!
//! Everything that a registry says is taken for an enemy's word: sizes are bounded before anything is read, sums are made
//! here, and nothing that is wrong ever gets a layer's name in the store. Users choose which host is spoken to, so
//! [`guard`] decides which addresses may be.
//!
//! It does not unpack, knows nothing of snapshots, and keeps nothing on disk. Whoever stops waiting for a call has
//! cancelled it; what the store has of an unfinished layer by then stays for the next try.
//!
//! Why this is not one of the client libraries: `docs/decisions/0025-registries.md`.

mod auth;
mod blob;
mod error;
mod fetch;
pub mod guard;
mod host;
mod http;
mod image;
mod manifest;
mod proof;
mod reference;
mod settings;

use std::sync::Arc;

pub use error::Error;
pub use fetch::{FETCH_STEPS, Progress};
pub use host::{InvalidHost, RegistryHost};
pub use image::{Compression, Image, ImageConfig, Layer, Platform};
pub use reference::{ImageReference, InvalidReference};
pub use settings::{InvalidSetting, Limits, Mirror, PrivateRegistries, Settings, Times, hosts, mirrors};

/// Who asks a registry. Shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user's name.
    pub username: String,
    /// The password or token.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Its inside knows tokens.
        f.write_str("Client")
    }
}

/// Speaks to registries. Cheap to clone; clones share connections, tokens, and the order in which layers are fetched.
#[derive(Clone)]
pub struct Client {
    inner: Arc<http::Inner>,
}

impl Client {
    /// A client that asks nobody anything yet.
    ///
    /// # Errors
    /// When the authorities of [`Settings::ca_file`] cannot be read, or this host has none at all.
    pub fn new(settings: Settings) -> Result<Self, InvalidSetting> {
        Ok(Self { inner: Arc::new(http::Inner::new(settings)?) })
    }
}
