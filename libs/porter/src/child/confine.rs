//! Giving up what a porter does not need, for ever, before the first byte of a stream.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::process::{DumpableBehavior, Pid, Resource, Rlimit, Signal};
use rustix::thread::{CapabilitySet, CapabilitySets, UnshareFlags};

use crate::filter;

/// Memory of one half, in bytes: the names of its largest directory decide what it needs.
const MEMORY: u64 = 1 << 30;
/// Open files: one for each level of directories, twice.
const OPEN_FILES: u64 = 8192;

/// Makes `root` all that this process can see, keeps `capabilities` alone, and allows the system calls of
/// [`filter`] alone. Returns `root`, which is the working directory too.
pub(super) fn to_tree(root: OwnedFd, capabilities: CapabilitySet) -> io::Result<OwnedFd> {
    let parent = rustix::process::getppid();
    limits()?;
    // Of its own: what is mounted where is none of its business, and there is no network in a new one.
    let apart = UnshareFlags::NEWNS | UnshareFlags::NEWNET | UnshareFlags::NEWIPC;
    unshare(apart)?;
    paddock_sys::mount::make_private_recursive(std::path::Path::new("/"))?;
    rustix::process::fchdir(root.as_fd())?;
    rustix::process::chroot(c".")?;
    rustix::process::chdir(c"/")?;
    keep(capabilities)?;
    // Set anew: a change of privileges clears it.
    stay_with(parent)?;
    filter::apply()?;
    Ok(root)
}

/// Becomes the user and loses every privilege.
pub(super) fn to_user((uid, gid): (u32, u32)) -> io::Result<()> {
    let parent = rustix::process::getppid();
    limits()?;
    drop_bounding(CapabilitySet::empty())?;
    rustix::thread::set_thread_groups(&[])?;
    let (user, group) = (rustix::fs::Uid::from_raw(uid), rustix::fs::Gid::from_raw(gid));
    rustix::thread::set_thread_res_gid(group, group, group)?;
    rustix::thread::set_thread_res_uid(user, user, user)?;
    keep(CapabilitySet::empty())?;
    // It holds the key of the store.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    stay_with(parent)
}

#[expect(
    unsafe_code,
    reason = "the safe function refuses namespaces that need care with threads: there is one"
)]
fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: this process has one thread, which shares nothing with any other process.
    Ok(unsafe { rustix::thread::unshare_unsafe(flags) }?)
}

fn limits() -> io::Result<()> {
    for (resource, most) in [(Resource::Data, MEMORY), (Resource::Nofile, OPEN_FILES), (Resource::Core, 0)] {
        rustix::process::setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}

fn keep(capabilities: CapabilitySet) -> io::Result<()> {
    drop_bounding(capabilities)?;
    rustix::thread::clear_ambient_capability_set()?;
    let sets = CapabilitySets {
        effective: capabilities,
        permitted: capabilities,
        inheritable: CapabilitySet::empty(),
    };
    rustix::thread::set_capabilities(None, sets)?;
    Ok(rustix::thread::set_no_new_privs(true)?)
}

fn drop_bounding(except: CapabilitySet) -> io::Result<()> {
    // What is dropped already stays dropped, but needs a privilege to be said again.
    let known = CapabilitySet::all().iter().filter(|capability| !except.contains(*capability));
    for capability in known {
        if rustix::thread::capability_is_in_bounding_set(capability).unwrap_or(false) {
            rustix::thread::remove_capability_from_bounding_set(capability)?;
        }
    }
    Ok(())
}

/// Has us killed when `parent` ends, which may have been a moment ago.
fn stay_with(parent: Option<Pid>) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    if rustix::process::getppid() == parent { Ok(()) } else { Err(io::ErrorKind::NotConnected.into()) }
}
