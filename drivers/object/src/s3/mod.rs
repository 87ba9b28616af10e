//! Objects in a bucket of S3, or of what speaks like it.
//!
//! An object `k` is `<prefix>objects/k`, with its length and sum in `<prefix>sums/k`: an object that has no sum is not
//! there. An unfinished upload is S3's own, and what is known of its parts is in `<prefix>uploads/k`, in the bucket too:
//! whoever goes on with it may be another host.
//!
//! Addresses are of the path style, which every implementation knows. Requests are signed, retried a few times with
//! growing pauses, and given up after [`REQUEST`].

use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore as _, ObjectStoreExt as _, RetryConfig};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::{Digest, Error, Meta, ObjectKey, ObjectStore, PART_BYTES, Part};

/// The most time that one request may take, that of a whole part among them.
const REQUEST: Duration = Duration::from_secs(120);
/// The most time in which a request is retried.
const RETRY: Duration = Duration::from_secs(60);

/// Where a bucket is and how to be let in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct S3Config {
    /// The URL of the service, `https://s3.example.com`; `http` is for networks that are trusted.
    pub endpoint: String,
    /// The bucket, which must be there.
    pub bucket: String,
    /// What requests are signed for; services of one's own take any.
    pub region: String,
    /// Who asks.
    pub access_key: String,
    /// The secret of `access_key`.
    pub secret_key: String,
    /// Before every name, such as `paddock/`. May be empty.
    pub prefix: String,
}

impl std::fmt::Debug for S3Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Config")
            .field("endpoint", &self.endpoint)
            .field("bucket", &self.bucket)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// One bucket.
pub struct S3 {
    client: Arc<AmazonS3>,
    runtime: Arc<Runtime>,
    prefix: String,
}

/// What is kept of an unfinished upload.
#[derive(Debug, Serialize, Deserialize)]
struct Upload {
    id: String,
    parts: Vec<Part>,
}

impl S3 {
    /// Prepares for the bucket; asks it nothing yet.
    ///
    /// # Errors
    /// [`Error::Settings`].
    pub fn open(config: &S3Config) -> Result<Self, Error> {
        let is_plain = config.endpoint.starts_with("http://");
        if !is_plain && !config.endpoint.starts_with("https://") {
            return Err(Error::Settings("the endpoint must begin with http:// or https://".into()));
        }
        // Whoever came first decides; ours is the only one linked.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let options = ClientOptions::new()
            .with_allow_http(is_plain)
            .with_timeout(REQUEST)
            .with_connect_timeout(Duration::from_secs(10));
        let client = AmazonS3Builder::new()
            .with_endpoint(config.endpoint.trim_end_matches('/'))
            .with_bucket_name(&config.bucket)
            .with_region(&config.region)
            .with_access_key_id(&config.access_key)
            .with_secret_access_key(&config.secret_key)
            .with_virtual_hosted_style_request(false)
            .with_client_options(options)
            .with_retry(RetryConfig { max_retries: 5, retry_timeout: RETRY, ..RetryConfig::default() })
            .build()
            .map_err(|error| Error::Settings(error.into()))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::Settings(error.into()))?;
        Ok(Self { client: Arc::new(client), runtime: Arc::new(runtime), prefix: config.prefix.clone() })
    }

    fn path(&self, kind: &str, key: &ObjectKey) -> Path {
        Path::from(format!("{}{kind}/{key}", self.prefix))
    }

    fn get_json<T: for<'a> Deserialize<'a>>(&self, path: &Path) -> Result<Option<T>, Error> {
        let got = self.runtime.block_on(async { self.client.get(path).await?.bytes().await });
        match got {
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(told(error)),
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map(Some).map_err(|error| Error::Unreachable(error.into()))
            }
        }
    }

    fn put_json(&self, path: &Path, value: &impl Serialize) -> Result<(), Error> {
        let bytes = serde_json::to_vec(value).map_err(|error| Error::Settings(error.into()))?;
        self.runtime.block_on(self.client.put(path, bytes.into())).map(drop).map_err(told)
    }

    fn remove(&self, path: &Path) -> Result<(), Error> {
        match self.runtime.block_on(self.client.delete(path)) {
            Err(object_store::Error::NotFound { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(told(error)),
        }
    }

    fn upload(&self, key: &ObjectKey) -> Result<Upload, Error> {
        self.get_json(&self.path("uploads", key))?.ok_or_else(|| Error::Lost { key: key.clone() })
    }

    fn forget_upload(&self, key: &ObjectKey) -> Result<(), Error> {
        self.remove(&self.path("uploads", key))
    }
}

impl std::fmt::Debug for S3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Its client knows the secret.
        f.write_str("S3")
    }
}

impl ObjectStore for S3 {
    fn head(&self, key: &ObjectKey) -> Result<Option<Meta>, Error> {
        self.get_json(&self.path("sums", key))
    }

    fn read(&self, key: &ObjectKey, from: u64) -> Result<Box<dyn Read + Send>, Error> {
        let meta = self.head(key)?.ok_or_else(|| Error::NotFound { key: key.clone() })?;
        Ok(Box::new(Pieces {
            client: self.client.clone(),
            runtime: self.runtime.clone(),
            path: self.path("objects", key),
            position: from,
            end: meta.size_bytes,
            piece: Cursor::default(),
        }))
    }

    fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        if let Some(upload) = self.get_json::<Upload>(&self.path("uploads", key))? {
            let path = self.path("objects", key);
            match self.runtime.block_on(self.client.abort_multipart(&path, &upload.id)) {
                Err(object_store::Error::NotFound { .. }) | Ok(()) => {}
                Err(error) => return Err(told(error)),
            }
            self.forget_upload(key)?;
        }
        // Without its sum it is not there any more.
        self.remove(&self.path("sums", key))?;
        self.remove(&self.path("objects", key))
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectKey>, Error> {
        // S3's own prefixes end at a stroke with this client: the rest is looked at here.
        let directory =
            prefix.rsplit_once('/').map_or(String::new(), |(directory, _)| format!("/{directory}"));
        let root = format!("{}sums", self.prefix);
        let path = Path::from(format!("{root}{directory}"));
        let found: Vec<_> =
            self.runtime.block_on(self.client.list(Some(&path)).try_collect()).map_err(told)?;
        let root = format!("{}/", Path::from(root));
        let keys =
            found.iter().filter_map(|object| object.location.as_ref().strip_prefix(&root)?.parse().ok());
        let mut keys: Vec<ObjectKey> =
            keys.filter(|key: &ObjectKey| key.as_str().starts_with(prefix)).collect();
        keys.sort();
        Ok(keys)
    }

    fn begin(&self, key: &ObjectKey) -> Result<Vec<Part>, Error> {
        if let Some(upload) = self.get_json::<Upload>(&self.path("uploads", key))? {
            return Ok(upload.parts);
        }
        let id =
            self.runtime.block_on(self.client.create_multipart(&self.path("objects", key))).map_err(told)?;
        self.put_json(&self.path("uploads", key), &Upload { id, parts: Vec::new() })?;
        Ok(Vec::new())
    }

    fn put_part(
        &self,
        key: &ObjectKey,
        number: usize,
        content: Vec<u8>,
        digest: Digest,
    ) -> Result<Part, Error> {
        let mut upload = self.upload(key)?;
        if number > upload.parts.len() {
            return Err(Error::Lost { key: key.clone() });
        }
        upload.parts.truncate(number);
        let size_bytes = content.len() as u64;
        let path = self.path("objects", key);
        let sent = self.runtime.block_on(self.client.put_part(&path, &upload.id, number, content.into()));
        let tag = match sent {
            Err(object_store::Error::NotFound { .. }) => {
                self.forget_upload(key)?;
                return Err(Error::Lost { key: key.clone() });
            }
            other => other.map_err(told)?.content_id,
        };
        let part = Part { size_bytes, digest, tag };
        upload.parts.push(part.clone());
        self.put_json(&self.path("uploads", key), &upload)?;
        Ok(part)
    }

    fn complete(&self, key: &ObjectKey, parts: &[Part], meta: Meta) -> Result<(), Error> {
        let upload = self.upload(key)?;
        let path = self.path("objects", key);
        // An older object of this name loses its sum, and is gone, before it is replaced.
        self.remove(&self.path("sums", key))?;
        let tags = parts.iter().map(|part| PartId { content_id: part.tag.clone() }).collect();
        match self.runtime.block_on(self.client.complete_multipart(&path, &upload.id, tags)) {
            Ok(_) => {}
            Err(error) => {
                // Completed before, and cut before its sum was kept?
                let there = self.runtime.block_on(self.client.head(&path));
                if !there.is_ok_and(|there| there.size == meta.size_bytes) {
                    if matches!(error, object_store::Error::NotFound { .. }) {
                        self.forget_upload(key)?;
                        return Err(Error::Lost { key: key.clone() });
                    }
                    return Err(told(error));
                }
            }
        }
        self.put_json(&self.path("sums", key), &meta)?;
        self.forget_upload(key)
    }
}

/// An object's content, fetched a part's worth at a time: each fits a request, and is retried by itself.
struct Pieces {
    client: Arc<AmazonS3>,
    runtime: Arc<Runtime>,
    path: Path,
    position: u64,
    end: u64,
    piece: Cursor<Bytes>,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.piece.read(buffer)?;
        if count > 0 || self.position >= self.end {
            return Ok(count);
        }
        let end = self.end.min(self.position + PART_BYTES as u64);
        let piece = self
            .runtime
            .block_on(self.client.get_range(&self.path, self.position..end))
            .map_err(|error| io::Error::other(told(error)))?;
        self.position += piece.len() as u64;
        self.piece = Cursor::new(piece);
        self.piece.read(buffer)
    }
}

/// What an error of the client means to whoever uses the store.
fn told(error: object_store::Error) -> Error {
    use object_store::Error as Client;
    match error {
        Client::PermissionDenied { .. } | Client::Unauthenticated { .. } => Error::Denied(error.into()),
        other if other.to_string().contains("XMinioStorageFull") => Error::Full(other.into()),
        other => Error::Unreachable(other.into()),
    }
}
