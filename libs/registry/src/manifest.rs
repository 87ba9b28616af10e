//! From a name to an image: manifests, lists of them, and configurations, each no larger than it may be and each what its
//! sum says.

use std::collections::BTreeSet;

use paddock_types::Sha256;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;

use crate::error::Error;
use crate::http::{Asker, Endpoint, Question};
use crate::image::{Compression, Image, ImageConfig, Layer, Platform};
use crate::reference::ImageReference;
use crate::{Client, Credentials};

const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Everything that we understand, in one header.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
                      application/vnd.docker.distribution.manifest.list.v2+json, \
                      application/vnd.docker.distribution.manifest.v2+json";
const CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];
/// Lists within lists.
const MOST_LISTS: usize = 3;
/// Two streams without any file, as tools have been writing them for ten years.
const EMPTY_LAYERS: [&str; 2] = [
    "a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4",
    "4f4fb700ef54461cfa02571ae0db9a0dc1e0cdb5577484a6d75e68dc38e8acc1",
];

/// A manifest, or a list of them: what of either is heeded.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: Option<u64>,
    media_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    /// Only in manifests of the first schema.
    fs_layers: Option<serde_json::Value>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: u64,
    platform: Option<Told>,
}

#[derive(Clone, Deserialize)]
struct Told {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
}

/// An image's configuration: what of it is heeded.
#[derive(Deserialize)]
struct Configuration {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    config: Option<ImageConfig>,
    rootfs: Option<RootFs>,
}

#[derive(Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Vec<String>,
}

impl Client {
    /// What the image with this name is, for `platform`. Asks mirrors first. Fetches no layer. May be repeated.
    ///
    /// # Errors
    /// Those of the last server that was asked, the registry itself unless it is never asked.
    pub async fn resolve(
        &self,
        image: &ImageReference,
        credentials: Option<&Credentials>,
        platform: &Platform,
    ) -> Result<Image, Error> {
        let by = Asker { image, credentials };
        let mut last = None;
        for endpoint in self.endpoints(image) {
            match self.resolve_at(&endpoint, by, platform).await {
                Ok(found) => return Ok(found),
                Err(error) => {
                    tracing::debug!(%image, server = %endpoint.name, error = %error, "an image was not found");
                    last = Some(error);
                }
            }
        }
        Err(last.unwrap_or_else(|| unsupported(image, "nobody is asked for it")))
    }

    async fn resolve_at(&self, from: &Endpoint, by: Asker<'_>, platform: &Platform) -> Result<Image, Error> {
        let mut wanted = by.image.wanted();
        let mut expected = by.image.digest().cloned();
        for _ in 0..=MOST_LISTS {
            let (text, media_type) =
                self.document(from, by, &format!("manifests/{wanted}"), Some(ACCEPT)).await?;
            let digest = check(from, &text, expected.as_ref())?;
            let document: Document =
                serde_json::from_slice(&text).map_err(|_| from.strange("its manifest is none"))?;
            match document.kind(by.image, &media_type)? {
                Kind::List(manifests) => {
                    let chosen = choose(by.image, &manifests, platform)?;
                    expected = Some(chosen.clone());
                    wanted = format!("sha256:{chosen}");
                }
                Kind::Manifest(config, layers) => {
                    return self.image(from, by, platform, digest, config, layers).await;
                }
            }
        }
        Err(unsupported(by.image, "its lists of manifests lead on and on"))
    }

    async fn image(
        &self,
        from: &Endpoint,
        by: Asker<'_>,
        platform: &Platform,
        manifest_digest: Sha256,
        config: Descriptor,
        layers: Vec<Descriptor>,
    ) -> Result<Image, Error> {
        let image = by.image;
        if !CONFIGS.contains(&config.media_type.as_str()) {
            let kind: String = config.media_type.chars().take(100).collect();
            return Err(unsupported(image, format!("it is no image of a file system, but {kind:?}")));
        }
        let limits = self.inner.settings.limits;
        if config.size > limits.document_bytes {
            return Err(too_large(image, "its configuration", config.size, limits.document_bytes));
        }
        let config_digest = digest_of(image, &config)?;
        let (text, _) = self.document(from, by, &format!("blobs/{}", config.digest), None).await?;
        check(from, &text, Some(&config_digest))?;
        let read: Configuration = serde_json::from_slice(&text)
            .map_err(|_| from.strange("the configuration of the image is none"))?;
        // Old tools leave it out.
        if !(read.architecture.is_empty() || platform.is(&read.os, &read.architecture)) {
            let offered = show_platform(&read.os, &read.architecture);
            return Err(Error::NoPlatform {
                image: Box::new(image.clone()),
                wanted: platform.to_string(),
                offered,
            });
        }
        let diff_ids = read.rootfs.map(|rootfs| rootfs.diff_ids).unwrap_or_default();
        let layers = self.layers(image, &layers, &diff_ids)?;
        Ok(Image {
            reference: image.at(manifest_digest.clone()),
            manifest_digest,
            config_digest,
            config: read.config.unwrap_or_default(),
            layers,
        })
    }

    /// The layers of a manifest that make a difference, lowest first.
    fn layers(
        &self,
        image: &ImageReference,
        told: &[Descriptor],
        diff_ids: &[String],
    ) -> Result<Vec<Layer>, Error> {
        if told.len() != diff_ids.len() {
            return Err(unsupported(image, "its manifest and its configuration name different layers"));
        }
        let mut seen = BTreeSet::new();
        let mut layers = Vec::new();
        for (descriptor, diff_id) in told.iter().zip(diff_ids).rev() {
            let digest = digest_of(image, descriptor)?;
            let compression = compression(image, &descriptor.media_type)?;
            let diff_id =
                parse_digest(diff_id).ok_or_else(|| unsupported(image, "a digest in it is none"))?;
            if seen.insert(digest.clone()) && !EMPTY_LAYERS.contains(&digest.as_str()) {
                layers.push(Layer { digest, size_bytes: descriptor.size, compression, diff_id });
            }
        }
        layers.reverse();
        let limits = self.inner.settings.limits;
        if layers.len() > limits.layers {
            return Err(too_large(
                image,
                "the number of its layers",
                layers.len() as u64,
                limits.layers as u64,
            ));
        }
        let size = layers.iter().fold(0u64, |sum, layer| sum.saturating_add(layer.size_bytes));
        if size > limits.image_bytes {
            return Err(too_large(image, "the size of its layers in bytes", size, limits.image_bytes));
        }
        Ok(layers)
    }

    /// One document, and of which kind the registry says that it is.
    async fn document(
        &self,
        from: &Endpoint,
        by: Asker<'_>,
        what: &str,
        accept: Option<&'static str>,
    ) -> Result<(Vec<u8>, String), Error> {
        let question = Question { what: what.to_owned(), accept, range: None };
        let most = self.inner.settings.limits.document_bytes;
        self.persist(|| async {
            let answer = self.ask(from, by, &question).await?;
            let media_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            let media_type =
                media_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_owned();
            let told = answer.content_length().unwrap_or(0);
            if told > most {
                return Err(too_large(by.image, "its manifest or configuration", told, most));
            }
            let content = self.read(from, answer, most).await?;
            let content = content
                .ok_or_else(|| too_large(by.image, "its manifest or configuration", most + 1, most))?;
            Ok((content, media_type))
        })
        .await
    }
}

enum Kind {
    List(Vec<Descriptor>),
    Manifest(Descriptor, Vec<Descriptor>),
}

impl Document {
    /// What it is, by what it says of itself and else by what the registry says.
    fn kind(self, image: &ImageReference, header: &str) -> Result<Kind, Error> {
        if self.schema_version == Some(1) || self.fs_layers.is_some() {
            return Err(unsupported(
                image,
                "its manifest is of the first schema, which is obsolete: push it again with a newer tool",
            ));
        }
        let said = self.media_type.clone().unwrap_or_else(|| header.to_owned());
        match (said.as_str(), self.manifests, self.config, self.layers) {
            (OCI_INDEX | DOCKER_LIST, Some(manifests), None, None) => Ok(Kind::List(manifests)),
            (OCI_MANIFEST | DOCKER_MANIFEST, None, Some(config), Some(layers)) => {
                Ok(Kind::Manifest(config, layers))
            }
            // Nobody says which: told apart by what it has. Both at once is how one is passed off as the other.
            (_, Some(manifests), None, None) if self.media_type.is_none() => Ok(Kind::List(manifests)),
            (_, None, Some(config), Some(layers)) if self.media_type.is_none() => {
                Ok(Kind::Manifest(config, layers))
            }
            (kind, ..) => {
                let kind: String = kind.chars().take(100).collect();
                Err(unsupported(image, format!("its manifest is of a kind that is not known, {kind:?}")))
            }
        }
    }
}

/// The manifest for the platform. Those of attestations are for none.
fn choose(image: &ImageReference, manifests: &[Descriptor], platform: &Platform) -> Result<Sha256, Error> {
    let is_list = |one: &&Descriptor| {
        one.platform.is_none() && [OCI_INDEX, DOCKER_LIST].contains(&one.media_type.as_str())
    };
    let fits = |one: &&Descriptor| {
        one.platform.as_ref().is_some_and(|told| platform.is(&told.os, &told.architecture))
    };
    // One that is alone and does not say for whom it is, is looked at; its configuration says.
    let is_alone = |one: &&Descriptor| manifests.len() == 1 && one.platform.is_none();
    let chosen =
        manifests.iter().find(fits).or_else(|| manifests.iter().find(|one| is_list(one) || is_alone(one)));
    if let Some(chosen) = chosen {
        return digest_of(image, chosen);
    }
    let offered: BTreeSet<String> = manifests
        .iter()
        .filter_map(|one| one.platform.as_ref())
        .filter(|told| told.os != "unknown")
        .map(|told| show_platform(&told.os, &told.architecture))
        .collect();
    let mut offered: Vec<String> = offered.into_iter().take(20).collect();
    if offered.is_empty() {
        offered.push("none".to_owned());
    }
    Err(Error::NoPlatform {
        image: Box::new(image.clone()),
        wanted: platform.to_string(),
        offered: offered.join(", "),
    })
}

fn show_platform(os: &str, architecture: &str) -> String {
    format!("{os}/{architecture}").chars().filter(|letter| !letter.is_control()).take(60).collect()
}

fn compression(image: &ImageReference, media_type: &str) -> Result<Compression, Error> {
    match media_type {
        "application/vnd.oci.image.layer.v1.tar" | "application/vnd.docker.image.rootfs.diff.tar" => {
            Ok(Compression::None)
        }
        "application/vnd.oci.image.layer.v1.tar+gzip"
        | "application/vnd.docker.image.rootfs.diff.tar.gzip" => Ok(Compression::Gzip),
        "application/vnd.oci.image.layer.v1.tar+zstd"
        | "application/vnd.docker.image.rootfs.diff.tar.zstd" => Ok(Compression::Zstd),
        other if other.contains("nondistributable") || other.contains("foreign") => {
            Err(unsupported(image, "a layer of it must not be had from a registry"))
        }
        other if other.contains("encrypted") => Err(unsupported(image, "a layer of it is encrypted")),
        other => {
            let kind: String = other.chars().take(100).collect();
            Err(unsupported(image, format!("a layer of it is of a kind that is not known, {kind:?}")))
        }
    }
}

/// The sum of what came, which must be `expected`.
fn check(from: &Endpoint, text: &[u8], expected: Option<&Sha256>) -> Result<Sha256, Error> {
    let found = Sha256::try_from(paddock_driver_object::Digest::of(text).to_string())
        .map_err(|error| Error::internal("spell a sum")(error.into()))?;
    match expected {
        Some(expected) if *expected != found => {
            Err(Error::WrongDigest { server: from.server(), digest: expected.clone() })
        }
        _ => Ok(found),
    }
}

fn digest_of(image: &ImageReference, descriptor: &Descriptor) -> Result<Sha256, Error> {
    parse_digest(&descriptor.digest)
        .ok_or_else(|| unsupported(image, "a digest in it is none, or of another kind than sha256"))
}

fn parse_digest(text: &str) -> Option<Sha256> {
    Sha256::try_from(text.strip_prefix("sha256:")?.to_owned()).ok()
}

fn unsupported(image: &ImageReference, why: impl Into<String>) -> Error {
    Error::Unsupported { image: Box::new(image.clone()), why: why.into() }
}

fn too_large(image: &ImageReference, what: &'static str, size: u64, most: u64) -> Error {
    Error::TooLarge { image: Box::new(image.clone()), what, size, most }
}
