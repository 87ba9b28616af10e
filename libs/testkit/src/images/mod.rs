//! Images that tests make themselves, without any registry: layers from trees written here or from the distribution's
//! packages, put together as an OCI layout in a directory, which other tools read and push.
//!
//! [`Tar`] is a layer's content; [`Image`] is layers with a configuration; [`catalogue`] has the ones that several tests
//! want, under the names by which the world knows their like.

pub mod catalogue;

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// How a layer is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// As it is.
    None,
    /// By gzip, as most images are.
    Gzip,
    /// By zstd.
    Zstd,
}

impl Compression {
    fn media_type(self) -> &'static str {
        match self {
            Self::None => "application/vnd.oci.image.layer.v1.tar",
            Self::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
        }
    }

    /// The bytes as they are stored.
    ///
    /// # Panics
    /// Never: it is memory.
    pub fn apply(self, content: &[u8]) -> Vec<u8> {
        match self {
            Self::None => content.to_vec(),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(content).expect("memory takes all");
                encoder.finish().expect("memory takes all")
            }
            Self::Zstd => zstd::encode_all(content, 1).expect("memory takes all"),
        }
    }
}

/// A tar stream that is written member by member. Everything belongs to root and is of the first second of 2024, so that
/// the same calls make the same bytes.
pub struct Tar(tar::Builder<Vec<u8>>);

impl Default for Tar {
    fn default() -> Self {
        Self(tar::Builder::new(Vec::new()))
    }
}

impl Tar {
    fn add(
        mut self,
        path: &str,
        kind: tar::EntryType,
        mode: u32,
        link: Option<&str>,
        content: &[u8],
    ) -> Self {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_704_067_200);
        header.set_size(content.len() as u64);
        match link {
            Some(target) => self.0.append_link(&mut header, path, target).expect("memory takes all"),
            None => self.0.append_data(&mut header, path, content).expect("memory takes all"),
        }
        self
    }

    /// A file.
    #[must_use]
    pub fn file(self, path: &str, mode: u32, content: impl AsRef<[u8]>) -> Self {
        self.add(path, tar::EntryType::Regular, mode, None, content.as_ref())
    }

    /// A directory.
    #[must_use]
    pub fn directory(self, path: &str, mode: u32) -> Self {
        self.add(path, tar::EntryType::Directory, mode, None, b"")
    }

    /// A symbolic link.
    #[must_use]
    pub fn symlink(self, path: &str, target: &str) -> Self {
        self.add(path, tar::EntryType::Symlink, 0o777, Some(target), b"")
    }

    /// A second name of a file that was added before.
    #[must_use]
    pub fn hard_link(self, path: &str, target: &str) -> Self {
        self.add(path, tar::EntryType::Link, 0o644, Some(target), b"")
    }

    /// The mark that says that what lower layers have under this path is gone.
    #[must_use]
    pub fn whiteout(self, path: &str) -> Self {
        let (parent, name) = path.rsplit_once('/').map_or(("", path), |(parent, name)| (parent, name));
        let mark = if parent.is_empty() { format!(".wh.{name}") } else { format!("{parent}/.wh.{name}") };
        self.file(&mark, 0, b"")
    }

    /// The stream.
    ///
    /// # Panics
    /// Never: it is memory.
    pub fn finish(self) -> Vec<u8> {
        self.0.into_inner().expect("memory takes all")
    }
}

/// An image in the making.
#[derive(Debug, Clone, Default)]
pub struct Image {
    /// Stored bytes, how, and the sum of what is within.
    layers: Vec<(Vec<u8>, Compression, String)>,
    config: serde_json::Map<String, Value>,
    architecture: Option<String>,
}

impl Image {
    /// An image without layers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another layer on top.
    #[must_use]
    pub fn layer(self, tar: Tar, compression: Compression) -> Self {
        self.layer_of(&tar.finish(), compression)
    }

    /// Another layer on top: any stream.
    #[must_use]
    pub fn layer_of(mut self, tar: &[u8], compression: Compression) -> Self {
        self.layers.push((compression.apply(tar), compression, sum(tar)));
        self
    }

    /// Something of the configuration, by the name that it has there (`User`, `Env`, `Entrypoint`).
    #[must_use]
    pub fn config(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.config.insert(key.to_owned(), value.into());
        self
    }

    /// For another kind of host than this one (`amd64`, `arm64`).
    #[must_use]
    pub fn architecture(mut self, name: &str) -> Self {
        self.architecture = Some(name.to_owned());
        self
    }

    /// What the registry is told: the configuration, and the manifest that names it.
    fn documents(&self) -> (Vec<u8>, Vec<u8>) {
        let configuration = json!({
            "created": "2024-01-01T00:00:00Z",
            "os": "linux",
            "architecture": self.architecture.as_deref().unwrap_or(host_architecture()),
            "config": self.config,
            "rootfs": {
                "type": "layers",
                "diff_ids": self.layers.iter().map(|(_, _, sum)| format!("sha256:{sum}")).collect::<Vec<_>>(),
            },
            "history": self.layers.iter().map(|_| json!({"created_by": "paddock's tests"})).collect::<Vec<_>>(),
        });
        let configuration = configuration.to_string().into_bytes();
        let layers =
            self.layers.iter().map(|(stored, compression, _)| descriptor(compression.media_type(), stored));
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("application/vnd.oci.image.config.v1+json", &configuration),
            "layers": layers.collect::<Vec<_>>(),
        });
        (configuration, manifest.to_string().into_bytes())
    }

    /// Writes it as an OCI layout into a directory, which is made. The image in it is called `latest`.
    ///
    /// # Panics
    /// When the directory cannot be written to.
    pub fn write(&self, directory: &Path) {
        let blobs = directory.join("blobs/sha256");
        fs::create_dir_all(&blobs).expect("a directory of the test's own");
        let keep = |content: &[u8]| {
            fs::write(blobs.join(sum(content)), content).expect("a directory of the test's own")
        };
        let (configuration, manifest) = self.documents();
        self.layers.iter().for_each(|(stored, _, _)| keep(stored));
        keep(&configuration);
        keep(&manifest);
        let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", &manifest);
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": "latest"});
        let index = json!({"schemaVersion": 2, "manifests": [entry]});
        fs::write(directory.join("index.json"), index.to_string()).expect("a directory of the test's own");
        fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)
            .expect("a directory of the test's own");
    }

    /// Everything that a registry has of it: the manifest, and all other content by its sum.
    pub fn into_blobs(self) -> (Vec<u8>, Vec<(String, Vec<u8>)>) {
        let (configuration, manifest) = self.documents();
        let mut blobs: Vec<_> =
            self.layers.into_iter().map(|(stored, _, _)| (sum(&stored), stored)).collect();
        blobs.push((sum(&configuration), configuration));
        (manifest, blobs)
    }
}

/// How the field spells this host's processors.
pub fn host_architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

/// A SHA-256 in hexadecimal digits.
pub fn sum(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": format!("sha256:{}", sum(content)), "size": content.len()})
}
