//! Where this instance keeps volumes, from its settings.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use paddock_config::{Config, S3 as Bucket, StorageKind, VolumeKind};
use paddock_driver_runtime::cgroup::Cgroups;
use paddock_driver_volume::Volumes;
use paddock_driver_volume::dir::Dir;
use paddock_driver_volume::s3::{self, Groups, S3, S3Config};
use paddock_driver_volume::subvolume::{SubvolumeConfig, Subvolumes};

use crate::paths;

/// The hidden command that clients of volumes in a bucket are.
pub(crate) const COMMAND: &str = "mount";

/// What one client may use. It needs 20 MiB and a little for each file that is open.
const CLIENT_MEMORY: u64 = 512 << 20;
const CLIENT_PROCESSES: u32 = 256;

/// The volumes. The pool must have been opened before.
pub(super) fn volumes(config: &Config) -> Result<Arc<dyn Volumes>> {
    let data = paths::runner(config);
    Ok(match (&config.volumes, config.storage) {
        (VolumeKind::S3(bucket), _) => Arc::new(S3::open(s3_config(config, bucket)?)?),
        (VolumeKind::Local, StorageKind::Btrfs) => Arc::new(Subvolumes::open(SubvolumeConfig {
            directory: data.join("pool/shared"),
            limit_bytes: limit(config),
            reserve_bytes: u64::from(config.pool_reserve_mib) << 20,
        })?),
        (VolumeKind::Local, StorageKind::Dir) => Arc::new(Dir::open(&data.join("shared"))?),
    })
}

fn limit(config: &Config) -> u64 {
    u64::from(config.volume_max_size_gib) << 30
}

fn s3_config(config: &Config, bucket: &Bucket) -> Result<S3Config> {
    let data = paths::runner(config);
    let file = &bucket.secret_key_file;
    let secret = std::fs::read_to_string(file)
        .with_context(|| format!("could not read the object store's secret in {}", file.display()))?;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let has_pool = config.storage == StorageKind::Btrfs;
    Ok(S3Config {
        bucket: s3::client::Bucket {
            endpoint: bucket.endpoint.clone(),
            name: bucket.bucket.clone(),
            region: bucket.region.clone(),
            access_key: bucket.access_key.clone(),
            secret_key: secret.trim().to_owned(),
            prefix: bucket.prefix.clone(),
        },
        // No client outlives the host's start.
        state: data.join("clients").join(boot.trim()),
        stage: paths::stage(config),
        scratch: data.join(if has_pool { "pool/clients" } else { "scratch" }),
        scratch_limit_bytes: has_pool.then(|| limit(config)),
        program: (
            std::env::current_exe().context("could not find this program's own path")?,
            vec![COMMAND.to_owned()],
        ),
        groups: Arc::new(ClientGroups(Cgroups::find(&paths::cgroup(config))?)),
    })
}

/// Ends every client of this instance: only when no sandbox is left.
pub(crate) fn end_clients(cgroups: &Cgroups) -> Result<()> {
    let groups = ClientGroups(cgroups.clone());
    for name in cgroups.list()?.iter().filter(|name| name.starts_with("volume-")) {
        s3::end(&groups, name).with_context(|| format!("could not end the client of {name}"))?;
    }
    Ok(())
}

/// Control groups of clients, beside those of the sandboxes.
struct ClientGroups(Cgroups);

impl Groups for ClientGroups {
    fn make(&self, name: &str) -> io::Result<Vec<PathBuf>> {
        self.0.make(name, CLIENT_MEMORY, CLIENT_PROCESSES)
    }

    fn processes(&self, name: &str) -> Vec<i32> {
        self.0.processes(name)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }
}
