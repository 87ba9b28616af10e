//! `paddock reset`: removes everything that an instance made on its host, or everything but its data.

use std::fs;
use std::io::{self, BufRead, Write};
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

pub(crate) fn run(config: &Config, sure: bool, keep_data: bool) -> Result<()> {
    if !paths::runner(config).exists() {
        println!("nothing to do: no server ever ran with the data directory {}", config.data.display());
        return Ok(());
    }
    let lock_path = paths::run(config).join("lock");
    fs::create_dir_all(paths::run(config)).context("could not open the run directory")?;
    let lock =
        fs::File::create(&lock_path).with_context(|| format!("could not open {}", lock_path.display()))?;
    if lock.try_lock().is_err() {
        bail!("a server runs with the data directory {}; end it first", config.data.display());
    }
    let question = if keep_data {
        "This ends all sandboxes of".to_owned()
    } else {
        format!("This removes all sandboxes and files in {} of", config.data.display())
    };
    if !sure && !confirmed(&format!("{question} instance {:?}", config.instance))? {
        bail!("nothing was removed");
    }
    let _runner_lock = serve::runner::lock(config)?;
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
    if !keep_data {
        remove_data(&config.data)?;
    }
    let _ = fs::remove_dir(paths::stage(config));
    remove_shared(leases);
    let what = if keep_data { "everything but the data" } else { "everything" };
    println!("removed {what} of instance {:?}", config.instance);
    Ok(())
}

/// The last instance of the host takes the shared directories along. Whoever else is there holds a slot.
fn remove_shared(leases: &Path) {
    let others = fs::remove_dir(leases.join("slots")).is_err();
    if others {
        return;
    }
    for shared in ["ids", "stage", ""] {
        let _ = fs::remove_dir(leases.join(shared));
    }
}

/// Removes what a server keeps in its data directory, and the directory unless somebody else keeps something there:
/// a setting with a slip of the pen must not cost a home directory.
fn remove_data(data: &Path) -> Result<()> {
    // Objects that lie elsewhere, by a setting, are not this host's.
    for directory in ["run", "runner", "front", "layers", "lib", "objects"] {
        let path = data.join(directory);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("could not remove {}", path.display()));
            }
            _ => {}
        }
    }
    for file in ["credentials", "credentials.new"] {
        let _ = fs::remove_file(data.join(file));
    }
    match fs::remove_dir(data) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
            println!("{} holds files that are not paddock's: they are left", data.display());
            Ok(())
        }
        other => other.with_context(|| format!("could not remove {}", data.display())),
    }
}

fn confirmed(question: &str) -> Result<bool> {
    print!("{question}. Type yes: ");
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
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
        serve::volumes::end_clients(&cgroups)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shared_directories_stay_while_another_instance_is_there() {
        let leases = tempfile::tempdir().unwrap();
        for shared in ["ids", "stage"] {
            fs::create_dir(leases.path().join(shared)).unwrap();
        }
        let (one, two) = (leases.path().join("one"), leases.path().join("two"));
        lease_slot(leases.path(), &one).unwrap();
        lease_slot(leases.path(), &two).unwrap();
        release_slot(leases.path(), &one).unwrap();
        remove_shared(leases.path());
        assert!(leases.path().join("stage").exists(), "sandboxes of the other are assembled there");
        release_slot(leases.path(), &two).unwrap();
        remove_shared(leases.path());
        assert!(!leases.path().exists());
        fs::create_dir(leases.path()).unwrap();
    }

    #[test]
    fn what_others_keep_in_the_data_directory_is_left() {
        let data = tempfile::tempdir().unwrap();
        for directory in ["run", "runner/journal", "front"] {
            fs::create_dir_all(data.path().join(directory)).unwrap();
        }
        fs::write(data.path().join("credentials"), "").unwrap();
        fs::write(data.path().join("thesis.tex"), "").unwrap();
        remove_data(data.path()).unwrap();
        let left: Vec<_> =
            fs::read_dir(data.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["thesis.tex"]);
        fs::remove_file(data.path().join("thesis.tex")).unwrap();
        remove_data(data.path()).unwrap();
        assert!(!data.path().exists());
    }
}
