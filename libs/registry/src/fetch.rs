//! Layers on their way into the object store.
//!
//! A layer is named by its content, so the same layer of several images is there once. What is there already is not
//! fetched again, but whoever asks must be able to have it from the registry (`proof`): a digest is no secret.
//!
//! The store's calls block, so a thread of their own puts what arrives here, by a channel that holds a few pieces. The
//! channel tells the end by a word of its own: a task that went away is not taken for the end of a layer.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use bytes::{Buf, Bytes};
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use paddock_driver_object::upload::put;
use paddock_driver_object::{Digest, Meta, ObjectKey, ObjectStore};
use paddock_types::StoredObject;
use sha2::{Digest as _, Sha256};
use tokio::sync::{OwnedMutexGuard, mpsc};

use crate::blob::Blob;
use crate::error::Error;
use crate::http::Asker;
use crate::image::{Image, Layer};
use crate::reference::ImageReference;
use crate::{Client, Credentials};

/// The fail points of fetching a layer, in order. Those of the store's `put` come between the first and the second.
pub const FETCH_STEPS: [&str; 2] = ["registry.layer.before_fetch", "registry.layer.after_fetch"];

/// How many pieces wait for the store; each is what one read of a connection gave, some ten KiB.
const PIECES: usize = 64;

/// Told how many bytes of an image's layers are there, each time that there are more.
pub type Progress = Arc<dyn Fn(u64) + Send + Sync>;

/// What the connection hands to the store.
enum Word {
    Piece(Bytes),
    /// All was said.
    End,
}

/// How a layer came out of the store's thread.
struct Put {
    result: Result<Meta, paddock_driver_object::Error>,
    /// The bytes were not those of the digest.
    is_wrong: bool,
}

impl Client {
    /// Brings all layers of an image into the store, several at once, and returns them as a root file system names them,
    /// lowest first. `progress` is told of all together; [`Image::size_bytes`] is the end.
    ///
    /// # Errors
    /// The first one; other layers are given up then. What the store has of them stays for the next try.
    pub async fn fetch_layers(
        &self,
        image: &Image,
        credentials: Option<&Credentials>,
        store: &Arc<dyn ObjectStore>,
        progress: Progress,
    ) -> Result<Vec<StoredObject>, Error> {
        let total = Arc::new(AtomicU64::new(0));
        let mut fetches = Vec::new();
        for layer in &image.layers {
            let (total, progress) = (Arc::clone(&total), Arc::clone(&progress));
            let before = AtomicU64::new(0);
            let tell: Progress = Arc::new(move |bytes| {
                // A layer that begins anew is told of again when it is further than it was.
                let more = bytes.saturating_sub(before.fetch_max(bytes, Ordering::Relaxed));
                progress(total.fetch_add(more, Ordering::Relaxed) + more);
            });
            let fetch = async move {
                self.fetch_layer(&image.reference, credentials, layer, store, &layer.key(), tell).await?;
                Ok(layer.object())
            };
            fetches.push(fetch.boxed());
        }
        stream::iter(fetches).buffered(self.inner.settings.limits.at_once).try_collect().await
    }

    /// Brings one layer into the store as `key`. One that is there already, and that the registry shows to have too, is
    /// left as it is. `progress` is told how many of the layer's bytes are there.
    ///
    /// Calls for one key take turns. Whoever stops waiting has cancelled the call.
    ///
    /// # Errors
    /// Nothing is there under `key` that was not there before; of a layer that was cut, the store keeps what it has.
    pub async fn fetch_layer(
        &self,
        image: &ImageReference,
        credentials: Option<&Credentials>,
        layer: &Layer,
        store: &Arc<dyn ObjectStore>,
        key: &ObjectKey,
        progress: Progress,
    ) -> Result<(), Error> {
        let by = Asker { image, credentials };
        let mut lock = Some(self.lock(key).await);
        if self.is_there(layer, store, key).await? {
            self.prove(by, layer, store, key).await?;
            progress(layer.size_bytes);
            return Ok(());
        }
        let permit = self.inner.permits.acquire().await;
        let _permit = permit.map_err(|error| Error::internal("take a turn")(error.into()))?;
        paddock_failpoint::hit("registry.layer.before_fetch")?;
        let mut first = 0;
        loop {
            let (held, done) = self.fetch_from(by, layer, store, key, &progress, first, lock.take()).await;
            lock = held;
            match done {
                Ok(()) => break,
                // Another server may have the right one.
                Err((at, error @ (Error::WrongDigest { .. } | Error::WrongSize { .. })))
                    if at + 1 < self.endpoints(image).len() =>
                {
                    tracing::warn!(%image, error = %error, "asking the next server for a layer");
                    first = at + 1;
                }
                Err((_, error)) => return Err(error),
            }
        }
        paddock_failpoint::hit("registry.layer.after_fetch")?;
        Ok(())
    }

    /// Fetches the layer from server number `first` or one behind it. Gives the lock back, and with an error the number of
    /// the server that it came from.
    #[expect(clippy::too_many_arguments, reason = "each is one thing that fetching a layer takes")]
    async fn fetch_from(
        &self,
        by: Asker<'_>,
        layer: &Layer,
        store: &Arc<dyn ObjectStore>,
        key: &ObjectKey,
        progress: &Progress,
        first: usize,
        lock: Option<OwnedMutexGuard<()>>,
    ) -> (Option<OwnedMutexGuard<()>>, Result<(), (usize, Error)>) {
        let (send, receive) = mpsc::channel(PIECES);
        let thread = {
            let (store, key, layer, progress) =
                (Arc::clone(store), key.clone(), layer.clone(), Arc::clone(progress));
            // The lock goes along: when we are cancelled, the next one must wait until the store is left alone.
            tokio::task::spawn_blocking(move || (put_layer(&*store, &key, &layer, receive, &progress), lock))
        };
        let mut blob = Blob::new(self, by, layer, first);
        let mut failure = None;
        loop {
            match blob.next().await {
                Ok(Some(piece)) => {
                    if send.send(Word::Piece(piece)).await.is_err() {
                        // The store's thread has ended, and says why.
                        break;
                    }
                }
                Ok(None) => {
                    let _ = send.send(Word::End).await;
                    break;
                }
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        drop(send);
        let (at, endpoint) = blob.endpoint();
        let server = endpoint.map(crate::http::Endpoint::server).unwrap_or_default();
        let (put, lock) = match thread.await {
            Ok(done) => done,
            Err(error) => return (None, Err((at, Error::internal("keep a layer")(error.into())))),
        };
        let wrong = || Error::WrongDigest { server, digest: layer.digest.clone() };
        let failed = match (failure, put) {
            (Some(error), _) => error,
            (None, Put { is_wrong: true, .. }) => wrong(),
            (None, Put { result: Err(error), .. }) => Error::Store(error),
            (None, Put { result: Ok(_), .. }) => return (lock, Ok(())),
        };
        if matches!(failed, Error::WrongDigest { .. } | Error::WrongSize { .. }) {
            // What the store has of it is worth nothing.
            let (store, key) = (Arc::clone(store), key.clone());
            let forgotten = tokio::task::spawn_blocking(move || (store.delete(&key), lock)).await;
            return match forgotten {
                Ok((deleted, lock)) => {
                    if let Err(error) = deleted {
                        tracing::warn!(error = %error, "what is left of a layer could not be removed");
                    }
                    (lock, Err((at, failed)))
                }
                Err(error) => {
                    (None, Err((at, Error::internal("remove what is left of a layer")(error.into()))))
                }
            };
        }
        (lock, Err((at, failed)))
    }

    /// Whether the store has the layer.
    async fn is_there(
        &self,
        layer: &Layer,
        store: &Arc<dyn ObjectStore>,
        key: &ObjectKey,
    ) -> Result<bool, Error> {
        let (store, key) = (Arc::clone(store), key.clone());
        let there = tokio::task::spawn_blocking(move || store.head(&key)).await;
        let there = there.map_err(|error| Error::internal("look for a layer")(error.into()))?;
        let there = there.map_err(Error::Store)?;
        Ok(there.is_some_and(|meta| is_of(&meta, layer)))
    }

    /// Waits for whoever else brings this object.
    async fn lock(&self, key: &ObjectKey) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.inner.locks.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that nobody has are not needed.
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(locks.entry(key.clone()).or_default())
        };
        lock.lock_owned().await
    }
}

pub(crate) fn is_of(meta: &Meta, layer: &Layer) -> bool {
    meta.size_bytes == layer.size_bytes && meta.digest.to_string() == layer.digest.as_str()
}

/// On a thread of its own.
fn put_layer(
    store: &dyn ObjectStore,
    key: &ObjectKey,
    layer: &Layer,
    receive: mpsc::Receiver<Word>,
    progress: &Progress,
) -> Put {
    let mut arriving = Arriving {
        receive,
        piece: Bytes::new(),
        hasher: Sha256::new(),
        layer,
        is_ended: false,
        is_wrong: false,
    };
    let result = put(store, key, &mut arriving, |bytes| progress(bytes));
    Put { result, is_wrong: arriving.is_wrong }
}

/// What arrives, as something to read. Its end is one only if all of it was right.
struct Arriving<'a> {
    receive: mpsc::Receiver<Word>,
    piece: Bytes,
    hasher: Sha256,
    layer: &'a Layer,
    is_ended: bool,
    is_wrong: bool,
}

impl Read for Arriving<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            if self.is_ended {
                return Ok(0);
            }
            match self.receive.blocking_recv() {
                Some(Word::Piece(piece)) => {
                    self.hasher.update(&piece);
                    self.piece = piece;
                }
                Some(Word::End) => {
                    let found = Digest::finish(std::mem::take(&mut self.hasher));
                    if found.to_string() != self.layer.digest.as_str() {
                        self.is_wrong = true;
                        return Err(io::Error::other("the layer is not what its digest says"));
                    }
                    self.is_ended = true;
                }
                None => return Err(io::Error::other("the layer did not arrive")),
            }
        }
        let count = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(buffer.get_mut(..count).unwrap_or_default());
        Ok(count)
    }
}
