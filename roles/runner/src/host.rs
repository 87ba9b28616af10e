//! The runner's place on the host: a mount namespace of its own that outlives it.
//!
//! Everything that paddock mounts (the pool, the router's namespace, plain control groups on a hybrid host) is
//! mounted there and nowhere else. The namespace is kept by a mount of it on a file in the host's namespace,
//! so that a restarted runner finds the pool mounted and running sandboxes connected.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};

use paddock_driver_runtime::cgroup;
use paddock_sys::{mount, namespace, thread};

/// The file that keeps the namespace, beneath the run directory.
fn pin(run: &Path) -> PathBuf {
    run.join("ns/mnt")
}

/// Moves the calling process, which must have one thread, into the runner's mount namespace, made if it is
/// not there.
pub fn enter_namespace(run: &Path) -> io::Result<()> {
    let pin = pin(run);
    let directory = pin.parent().unwrap_or(run);
    fs::create_dir_all(directory)?;
    if let Some(existing) = open_pinned(&pin)? {
        return thread::enter_mount_namespace(&existing);
    }
    // Files that keep mount namespaces may only lie on mounts that no other namespace hears of.
    mount::bind(directory, directory)?;
    mount::make_private_recursive(directory)?;
    File::create(&pin)?;
    let made = thread::scoped::<_, io::Error>(|| {
        thread::unshare_mounts()?;
        cgroup::hide_hybrid()?;
        File::open("/proc/thread-self/ns/mnt")
    })?;
    mount::bind(&PathBuf::from(format!("/proc/self/fd/{}", made.as_raw_fd())), &pin)?;
    thread::enter_mount_namespace(made.as_fd())
}

/// Forgets the runner's mount namespace. What is mounted there ends with its last user.
pub fn forget_namespace(run: &Path) -> io::Result<()> {
    let pin = pin(run);
    if open_pinned(&pin)?.is_some() {
        mount::detach(&pin)?;
    }
    let directory = pin.parent().unwrap_or(run);
    // Once more than it was mounted is an error, and the only sign that it is not any more.
    while mount::detach(directory).is_ok() {}
    Ok(())
}

fn open_pinned(pin: &Path) -> io::Result<Option<File>> {
    let file = match File::open(pin) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    Ok(namespace::is_namespace(&file)?.then_some(file))
}
