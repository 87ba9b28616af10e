//! Where an instance keeps what. Everything but leases lies beneath its data directory.

use std::path::{Path, PathBuf};

use paddock_config::Config;

/// Leases of what exists once on a host, on a file system that a reboot empties.
pub(crate) const LEASES: &str = "/run/paddock";

/// The control group that holds this instance's sandboxes.
pub(crate) fn cgroup(config: &Config) -> String {
    format!("paddock-{}", config.instance)
}

/// Sockets, state that a reboot makes meaningless, and what clients look up. The front may enter.
pub(crate) fn run(config: &Config) -> PathBuf {
    config.data.join("run")
}

/// The runner's own. Root's alone.
pub(crate) fn runner(config: &Config) -> PathBuf {
    config.data.join("runner")
}

/// The front's own.
pub(crate) fn front(config: &Config) -> PathBuf {
    config.data.join("front")
}

/// The key of the first administrator, for `paddock env`.
pub(crate) fn credentials(config: &Config) -> PathBuf {
    config.data.join("credentials")
}

/// Real ports and URLs of a running server.
pub(crate) fn endpoints(config: &Config) -> PathBuf {
    run(config).join("endpoints.json")
}

/// Where roots are assembled: only a place to mount on, in namespaces that nobody else sees. Every user may
/// enter each directory above it. Nobody but this instance may remove it: that would unmount what is mounted on it
/// in every namespace, in the middle of a launch.
pub(crate) fn stage(config: &Config) -> PathBuf {
    Path::new(LEASES).join("stage").join(&config.instance)
}

/// The file that keeps the router's network namespace.
pub(crate) fn router_namespace(config: &Config) -> PathBuf {
    run(config).join("router")
}
