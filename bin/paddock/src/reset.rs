//! `paddock reset`: removes everything that an instance made on its host.

use std::fs;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use paddock_config::Config;
use paddock_driver_network::router::Router;
use paddock_driver_runtime::Runtime;
use paddock_driver_runtime::cgroup::Cgroups;
use paddock_runner::{IdLeases, host, lease_slot, release_slot};

use crate::{paths, serve};

/// How long the kernel may take to let go of the pool.
const RELEASE_LIMIT: Duration = Duration::from_secs(20);

pub(crate) fn run(config: &Config, sure: bool) -> Result<()> {
    if !config.data.exists() {
        println!("nothing to do: {} does not exist", config.data.display());
        return Ok(());
    }
    let lock_path = paths::run(config).join("lock");
    fs::create_dir_all(paths::run(config)).context("could not open the run directory")?;
    let lock =
        fs::File::create(&lock_path).with_context(|| format!("could not open {}", lock_path.display()))?;
    if lock.try_lock().is_err() {
        bail!("a server runs with the data directory {}; end it first", config.data.display());
    }
    if !sure && !confirmed(&config.data)? {
        bail!("nothing was removed");
    }
    // Nobody else of this process shares its mount namespace yet.
    std::thread::scope(|scope| scope.spawn(|| end_sandboxes(config)).join())
        .unwrap_or_else(|_| bail!("the removal of sandboxes broke off"))?;
    host::forget_namespace(&paths::run(config)).context("could not forget the runner's mount namespace")?;
    wait_for_pool(&paths::runner(config).join("pool.img"))?;
    let data = paths::runner(config);
    let leases = Path::new(paths::LEASES);
    let ids = IdLeases::open(leases, &data)?;
    for range in ids.mine()? {
        ids.release(range)?;
    }
    release_slot(leases, &data)?;
    fs::remove_dir_all(&config.data)
        .with_context(|| format!("could not remove {}", config.data.display()))?;
    // The last instance of the host takes the shared directories along.
    // Each server has a slot as long as it lives. The stage is always empty, and says nothing of who uses it: to
    // remove it under another server would break that one's launches.
    let _ = fs::remove_dir(leases.join("ids"));
    if fs::remove_dir(leases.join("slots")).is_ok() {
        let _ = fs::remove_dir(paths::stage());
        let _ = fs::remove_dir(leases);
    }
    println!("removed everything of instance {:?}", config.instance);
    Ok(())
}

fn confirmed(data: &Path) -> Result<bool> {
    print!("This removes all sandboxes and files in {}. Type yes: ", data.display());
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

/// Ends all sandboxes and removes network and control groups, on a thread in the runner's mount namespace.
fn end_sandboxes(config: &Config) -> Result<()> {
    paddock_sys::thread::scoped(|| {
        host::enter_namespace(&paths::run(config)).context("could not enter the runner's mount namespace")?;
        let runtime = serve::runner::oci(config)?;
        for id in runtime.list()? {
            runtime.remove(id).with_context(|| format!("could not remove sandbox {id}"))?;
        }
        let cgroups = Cgroups::find(&paths::cgroup(config))?;
        cgroups.remove_parent().context("could not remove the control groups")?;
        let slot = lease_slot(Path::new(paths::LEASES), &paths::runner(config))?;
        Router::remove(&serve::runner::router_config(config, slot))
            .context("could not remove the network")?;
        Ok::<_, anyhow::Error>(())
    })
}

/// Waits until no loop device uses the pool's file any more.
fn wait_for_pool(pool: &Path) -> Result<()> {
    let deadline = Instant::now() + RELEASE_LIMIT;
    while paddock_driver_storage::btrfs::is_attached(pool)? {
        if Instant::now() > deadline {
            bail!("the storage pool {} is still in use", pool.display());
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    Ok(())
}
