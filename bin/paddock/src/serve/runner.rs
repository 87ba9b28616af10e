//! The runner's process: its drivers from the settings, then the role.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use paddock_config::{Config, StorageKind};
use paddock_driver_image::builtin::Builtin;
use paddock_driver_network::router::{RESOLVER, Router, RouterConfig};
use paddock_driver_runtime::cgroup::Cgroups;
use paddock_driver_runtime::oci::{Oci, OciConfig};
use paddock_driver_storage::Storage;
use paddock_driver_storage::btrfs::{Btrfs, PoolConfig};
use paddock_driver_storage::dir::Dir;
use paddock_runner::{Drivers, Runner, host, lease_slot, link_table_file};
use tokio_util::sync::CancellationToken;

use super::resolver;
use crate::{paths, toolbox, user};

/// Waits until no other runner of this instance is there, and keeps any from starting while the file is open.
///
/// A runner outlives a supervisor that was killed by as long as a launch takes; at its end it gives back what it holds by
/// number, which by then could belong to its successor's sandboxes.
pub(crate) fn lock(config: &Config) -> Result<File> {
    let path = paths::run(config).join("runner.lock");
    let file = File::create(&path).with_context(|| format!("could not open {}", path.display()))?;
    if file.try_lock().is_err() {
        tracing::info!("waiting for the end of a runner that is there already");
        file.lock().with_context(|| format!("could not lock {}", path.display()))?;
    }
    Ok(file)
}

/// Runs until SIGTERM.
pub(crate) fn run(config: &Config) -> Result<()> {
    let _lock = lock(config)?;
    // Before any other thread: the process moves as a whole.
    host::enter_namespace(&paths::run(config)).context("could not enter the runner's mount namespace")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build()?;
    runtime.block_on(serve(config))
}

async fn serve(config: &Config) -> Result<()> {
    let shutdown = super::front::shutdown_on_signals()?;
    let front = user::find(&config.front_user)?;
    let toolbox = toolbox::unpack(&config.data.join("lib"))?;
    let data = paths::runner(config);
    let slot = lease_slot(paths::LEASES.as_ref(), &data).context("could not lease a network slot")?;
    let router = Router::open(router_config(config, slot)).context("could not set up the network")?;
    let router = Arc::new(router);
    let drivers = Drivers {
        storage: storage(config)?,
        volumes: super::volumes::volumes(config)?,
        network: router.clone(),
        runtime: Arc::new(oci(config)?),
        images: Arc::new(images(config)),
        porter: crate::porter::porter(config, front)?,
    };
    let runner = Runner::open(
        paddock_runner::Config {
            data: data.clone(),
            run: paths::run(config),
            leases: paths::LEASES.into(),
            toolbox,
            front_uid: front.uid,
            front_gid: front.gid,
            max_pids: config.max_pids,
            spare_pairs: config.spare_namespaces as usize,
            environment: extra_environment(config),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        drivers,
    )?;
    let links = link_table_file(&paths::run(config));
    let resolver = tokio::spawn(keep_resolver(router, links, front, shutdown.clone()));
    runner.run(shutdown).await?;
    resolver.await?;
    Ok(())
}

/// Programs that bring authorities of their own have to be told of the system's.
fn extra_environment(config: &Config) -> Vec<(String, String)> {
    if config.extra_ca_file.is_none() {
        return Vec::new();
    }
    ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE"]
        .map(|name| (name.to_owned(), "/etc/ssl/certs/ca-certificates.crt".to_owned()))
        .into()
}

/// The network of this instance, as it is set up and as it is removed.
pub(crate) fn router_config(config: &Config, slot: u8) -> RouterConfig {
    RouterConfig { slot, instance: config.instance.clone(), namespace_file: paths::router_namespace(config) }
}

fn storage(config: &Config) -> Result<Arc<dyn Storage>> {
    let data = paths::runner(config);
    Ok(match config.storage {
        StorageKind::Btrfs => {
            let pool = PoolConfig {
                file: data.join("pool.img"),
                mount_point: data.join("pool"),
                size_bytes: u64::from(config.pool_gib) << 30,
                reserve_bytes: u64::from(config.pool_reserve_mib) << 20,
            };
            Arc::new(Btrfs::open(&pool).context("could not open the storage pool")?)
        }
        StorageKind::Dir => Arc::new(Dir::open(&data.join("volumes"))?),
    })
}

/// The runtime of this instance.
pub(crate) fn oci(config: &Config) -> Result<Oci> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    // What a runtime program knew before a reboot is not so any more.
    let state = paths::run(config).join("oci").join(boot.trim());
    let cgroups = Cgroups::find(&paths::cgroup(config)).context("could not find the control groups")?;
    Ok(Oci::open(OciConfig { program: config.runtime.clone(), state, stage: paths::stage(config), cgroups })?)
}

fn images(config: &Config) -> Builtin {
    Builtin {
        cache: config.cache.clone(),
        layers: config.data.join("layers"),
        extra_authorities: config.extra_ca_file.clone(),
    }
}

/// Runs the resolver, and runs it again when it died.
async fn keep_resolver(router: Arc<Router>, links: PathBuf, front: user::User, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        let started = resolver::bind(&router, RESOLVER)
            .and_then(|sockets| resolver::spawn(&[sockets.0.as_fd(), sockets.1.as_fd()], &links, front));
        match started {
            Ok(mut child) => {
                tokio::select! {
                    status = child.wait() => tracing::error!(?status, "the resolver died, starting it again"),
                    () = shutdown.cancelled() => {
                        let _ = child.kill().await;
                    }
                }
            }
            Err(error) => tracing::error!("could not start the resolver: {error:#}"),
        }
        tokio::select! {
            () = tokio::time::sleep(std::time::Duration::from_millis(500)) => {}
            () = shutdown.cancelled() => {}
        }
    }
}
