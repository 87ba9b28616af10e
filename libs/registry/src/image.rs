//! What an image is, once its registry has told.

use std::collections::BTreeMap;

use paddock_driver_object::ObjectKey;
use paddock_types::{ObjectId, Sha256, StoredObject};
use serde::{Deserialize, Deserializer, Serialize};

use crate::reference::ImageReference;

/// For which kind of host an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// `linux`.
    pub os: String,
    /// As the field spells it: `amd64`, `arm64`.
    pub architecture: String,
}

impl Platform {
    /// Of this host.
    pub fn host() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        Self { os: "linux".to_owned(), architecture: architecture.to_owned() }
    }

    pub(crate) fn is(&self, os: &str, architecture: &str) -> bool {
        self.os.eq_ignore_ascii_case(os) && self.architecture.eq_ignore_ascii_case(architecture)
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)
    }
}

/// An image for one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its name, with the digest of its manifest: what this was, is this for ever.
    pub reference: ImageReference,
    /// Of the manifest of this platform.
    pub manifest_digest: Sha256,
    /// Of the configuration: what other tools call the image's id.
    pub config_digest: Sha256,
    /// How its programs are started.
    pub config: ImageConfig,
    /// What its root file system is made of, lowest first. A layer that an image has several times is here once, at its
    /// highest place: there it says all that it said below, and overlays refuse the same directory twice. Layers that are
    /// known to be empty are left out.
    pub layers: Vec<Layer>,
}

impl Image {
    /// The size of its layers as they are stored, in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.layers.iter().map(|layer| layer.size_bytes).sum()
    }
}

/// One layer, as a registry has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Of its bytes as they are stored, compressed or not.
    pub digest: Sha256,
    /// How many those are.
    pub size_bytes: u64,
    /// What the manifest says of their form; whoever unpacks looks for itself.
    pub compression: Compression,
    /// Of the tar stream within, as the image's configuration says; nobody has checked it.
    pub diff_id: Sha256,
}

impl Layer {
    /// The layer's name in the object store.
    pub fn id(&self) -> ObjectId {
        ObjectId::of_content(&self.digest)
    }

    /// As a root file system names it.
    pub fn object(&self) -> StoredObject {
        StoredObject { id: self.id(), digest: self.digest.clone(), size_bytes: self.size_bytes }
    }

    /// Where it lies in the object store, as the runner looks for it.
    ///
    /// # Panics
    /// Never: ids are letters, digits and hyphens.
    pub fn key(&self) -> ObjectKey {
        format!("layers/{}", self.id()).parse().expect("an id is part of a key")
    }
}

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// By gzip.
    Gzip,
    /// By zstd.
    Zstd,
}

/// How an image's programs are started (OCI image configuration, `config`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageConfig {
    /// User and perhaps group, by name or number: `user`, `1000:1000`. Empty: root.
    #[serde(rename = "User", deserialize_with = "or_default")]
    pub user: String,
    /// `NAME=value`.
    #[serde(rename = "Env", deserialize_with = "or_default")]
    pub env: Vec<String>,
    /// Where programs start. Empty: `/`.
    #[serde(rename = "WorkingDir", deserialize_with = "or_default")]
    pub workdir: String,
    /// The words before those of a command.
    #[serde(rename = "Entrypoint", deserialize_with = "or_default")]
    pub entrypoint: Vec<String>,
    /// The command when none is given.
    #[serde(rename = "Cmd", deserialize_with = "or_default")]
    pub cmd: Vec<String>,
    /// What people said of it.
    #[serde(rename = "Labels", deserialize_with = "or_default")]
    pub labels: BTreeMap<String, String>,
    /// `8080/tcp`.
    #[serde(rename = "ExposedPorts", deserialize_with = "keys")]
    pub exposed: Vec<String>,
    /// Mount points.
    #[serde(rename = "Volumes", deserialize_with = "keys")]
    pub volumes: Vec<String>,
    /// Instructions for images that are built from this one.
    #[serde(rename = "OnBuild", deserialize_with = "or_default")]
    pub onbuild: Vec<String>,
    /// The words of the shell of builds, if it is not the usual one.
    #[serde(rename = "Shell", deserialize_with = "or_default")]
    pub shell: Vec<String>,
    /// `SIGTERM`, `15`. Empty: the usual one.
    #[serde(rename = "StopSignal", deserialize_with = "or_default")]
    pub stop_signal: String,
}

/// Tools write `null` where there is nothing.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(input: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(input)?.unwrap_or_default())
}

/// A set is an object whose values are empty. What we have written ourselves is a list.
fn keys<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Set(BTreeMap<String, serde_json::Value>),
        List(Vec<String>),
    }
    Ok(match Option::deserialize(input)? {
        Some(Either::Set(set)) => set.into_keys().collect(),
        Some(Either::List(list)) => list,
        None => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_read_with_all_that_may_be_missing() {
        let text = r#"{"User":"app","Env":["A=b"],"WorkingDir":null,"Entrypoint":["/x"],"Cmd":null,
            "ExposedPorts":{"80/tcp":{}},"Labels":null,"OnBuild":["RUN x"],"Other":7}"#;
        let config: ImageConfig = serde_json::from_str(text).unwrap();
        assert_eq!((config.user.as_str(), config.exposed.as_slice()), ("app", &["80/tcp".to_owned()][..]));
        assert_eq!(config.cmd, Vec::<String>::new());
        let again: ImageConfig = serde_json::from_str(&serde_json::to_string(&config).unwrap()).unwrap();
        assert_eq!(again, config);
        assert_eq!(serde_json::from_str::<ImageConfig>("{}").unwrap(), ImageConfig::default());
    }
}
