//! Whether whoever asks for a layer that the store has already can have it from the registry too.
//!
//! Layers are shared by all organizations, and a digest is no secret: it stands in manifests, logs and bug reports. Without
//! a proof, an image in a registry of one's own whose manifest names somebody else's private layer would bring that layer.
//! So the registry must show bytes of it, at places that it cannot foresee; they are compared with those in the store. A
//! registry that does not know ranges has to send the layer whole.

use std::io::Read;
use std::sync::Arc;

use paddock_driver_object::{Digest, ObjectKey, ObjectStore};
use reqwest::StatusCode;
use sha2::{Digest as _, Sha256};

use crate::Client;
use crate::blob::Blob;
use crate::error::Error;
use crate::http::{Asker, Endpoint, Question};
use crate::image::Layer;

/// Places that are looked at, and how much at each.
const PLACES: usize = 4;
const PLACE_BYTES: u64 = 16 << 10;

impl Client {
    /// Has one of the servers show that it has the layer.
    pub(crate) async fn prove(
        &self,
        by: Asker<'_>,
        layer: &Layer,
        store: &Arc<dyn ObjectStore>,
        key: &ObjectKey,
    ) -> Result<(), Error> {
        let mut last = None;
        for (at, endpoint) in self.endpoints(by.image).iter().enumerate() {
            match self.prove_at(endpoint, at, by, layer, store, key).await {
                Ok(()) => return Ok(()),
                Err(error) => last = Some(error),
            }
        }
        Err(last
            .unwrap_or_else(|| Error::NotFound { image: Box::new(by.image.clone()), server: String::new() }))
    }

    async fn prove_at(
        &self,
        from: &Endpoint,
        at: usize,
        by: Asker<'_>,
        layer: &Layer,
        store: &Arc<dyn ObjectStore>,
        key: &ObjectKey,
    ) -> Result<(), Error> {
        let wrong = || Error::WrongDigest { server: from.server(), digest: layer.digest.clone() };
        let length = PLACE_BYTES.min(layer.size_bytes);
        for _ in 0..PLACES {
            let start = random_below(layer.size_bytes - length + 1)?;
            let question = Question {
                what: format!("blobs/sha256:{}", layer.digest),
                accept: None,
                range: Some((start, Some((start + length).saturating_sub(1)))),
            };
            let shown = self
                .persist(|| async {
                    let answer = self.ask_once(from, by, &question).await?;
                    match answer.status() {
                        StatusCode::PARTIAL_CONTENT => self.read(from, answer, length).await.map(Some),
                        _ => Ok(None),
                    }
                })
                .await?;
            match shown {
                Some(Some(shown)) if shown == stored(store, key, start, length).await? => {}
                Some(_) => return Err(wrong()),
                None => return self.prove_whole(at, by, layer).await,
            }
            // The whole of it was looked at.
            if length == layer.size_bytes {
                break;
            }
        }
        Ok(())
    }

    /// Fetches all of it and keeps nothing.
    async fn prove_whole(&self, at: usize, by: Asker<'_>, layer: &Layer) -> Result<(), Error> {
        let mut blob = Blob::new(self, by, layer, at);
        let mut hasher = Sha256::new();
        while let Some(piece) = blob.next().await? {
            hasher.update(&piece);
        }
        if Digest::finish(hasher).to_string() == layer.digest.as_str() {
            return Ok(());
        }
        let server = blob.endpoint().1.map(Endpoint::server).unwrap_or_default();
        Err(Error::WrongDigest { server, digest: layer.digest.clone() })
    }
}

/// What the store has there.
async fn stored(
    store: &Arc<dyn ObjectStore>,
    key: &ObjectKey,
    start: u64,
    length: u64,
) -> Result<Vec<u8>, Error> {
    let (store, key) = (Arc::clone(store), key.clone());
    let read = tokio::task::spawn_blocking(move || {
        let mut content = Vec::new();
        let input = store.read(&key, start).map_err(Error::Store)?;
        input
            .take(length)
            .read_to_end(&mut content)
            .map_err(|error| Error::Store(paddock_driver_object::Error::Unreachable(error.into())))?;
        Ok(content)
    });
    read.await.map_err(|error| Error::internal("read a layer")(error.into()))?
}

/// A number from 0 to `end` − 1.
fn random_below(end: u64) -> Result<u64, Error> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| Error::internal("make a random number")(error.into()))?;
    Ok(u64::from_le_bytes(random) % end.max(1))
}
