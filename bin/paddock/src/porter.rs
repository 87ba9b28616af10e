//! The porter of this instance, from its settings.

use anyhow::{Context, Result};
use paddock_config::{Config, Objects};
use paddock_driver_object::s3::S3Config;
use paddock_porter::{Porter, PorterConfig, StoreConfig};

use crate::user::User;

/// The hidden command that porters are.
pub(crate) const COMMAND: &str = "port";

/// Where objects are kept, with the store's secret, which only root may read.
pub(crate) fn store(config: &Config) -> Result<StoreConfig> {
    Ok(match &config.objects {
        Objects::Directory(directory) => StoreConfig::Directory(directory.clone()),
        Objects::S3(s3) => {
            let file = &s3.secret_key_file;
            let secret = std::fs::read_to_string(file)
                .with_context(|| format!("could not read the object store's secret in {}", file.display()))?;
            StoreConfig::S3(S3Config {
                endpoint: s3.endpoint.clone(),
                bucket: s3.bucket.clone(),
                region: s3.region.clone(),
                access_key: s3.access_key.clone(),
                secret_key: secret.trim().to_owned(),
                prefix: s3.prefix.clone(),
            })
        }
    })
}

/// Carries files between sandboxes' volumes and the store of objects, by processes of this program.
pub(crate) fn porter(config: &Config, user: User) -> Result<Porter> {
    let store = store(config)?;
    let program = std::env::current_exe().context("could not find this program's own path")?;
    Ok(Porter::new(PorterConfig {
        program,
        arguments: vec![COMMAND.to_owned()],
        user: (user.uid, user.gid),
        store,
    }))
}
