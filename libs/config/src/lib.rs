//! Every setting of paddock, in one table.
//!
//! A setting has a default that is sane on a fresh host. It is read from the environment, else from the
//! one optional TOML file, else it is the default. [`SETTINGS`] is the whole truth: the documentation page
//! `docs/configuration.md` is printed from it, and a test keeps the two the same.

mod load;
mod settings;

pub use load::{Error, load};
pub use settings::{SETTINGS, Setting, documentation};

use std::net::IpAddr;
use std::path::PathBuf;

/// The settings, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The name of this installation on its host: 1 to 20 of `a-z`, `0-9`, `-`, starting with a letter.
    pub instance: String,
    /// Where everything of this instance lies.
    pub data: PathBuf,
    /// Where built-in root file systems are, shared by the instances of a host.
    pub cache: PathBuf,
    /// The address that the servers listen on.
    pub listen: IpAddr,
    /// The port of the API and the page for people. 0: any.
    pub api_port: u16,
    /// The port of the proxy. 0: any.
    pub proxy_port: u16,
    /// The URL under which clients reach the proxy's host, when that cannot be told from their requests.
    pub public_url: Option<String>,
    /// A PostgreSQL URL. `None`: SQLite in the data directory.
    pub database_url: Option<String>,
    /// The user that the front runs as.
    pub front_user: String,
    /// How sandboxes' own files are kept.
    pub storage: StorageKind,
    /// The size of a new pool.
    pub pool_gib: u32,
    /// Free space in the pool below which no new sandbox is made.
    pub pool_reserve_mib: u32,
    /// Where volumes are kept.
    pub volumes: VolumeKind,
    /// The most that one volume may hold.
    pub volume_max_size_gib: u32,
    /// Where archives and backups are kept.
    pub objects: Objects,
    /// How registries of images are spoken to.
    pub images: Images,
    /// The program that starts sandboxes.
    pub runtime: String,
    /// The most processes and threads of one sandbox.
    pub max_pids: u32,
    /// Namespaces made ahead of creates.
    pub spare_namespaces: u32,
    /// PEM file of certificate authorities that every sandbox trusts beside its own.
    pub extra_ca_file: Option<PathBuf>,
    /// What is logged, in `tracing`'s filter syntax.
    pub log: String,
}

/// Where archives and backups are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Objects {
    /// Files beneath this directory, which belongs to the front's user.
    Directory(PathBuf),
    /// A bucket.
    S3(S3),
}

/// A bucket of S3, or of what speaks like it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3 {
    /// The URL of the service.
    pub endpoint: String,
    /// Which.
    pub bucket: String,
    /// What requests are signed for.
    pub region: String,
    /// Who asks.
    pub access_key: String,
    /// Where the secret is.
    pub secret_key_file: PathBuf,
    /// Before every name. May be empty.
    pub prefix: String,
}

/// How registries of images are spoken to. The texts are as they were set; whoever speaks to registries parses them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// Servers that are asked before a registry.
    pub mirrors: String,
    /// Whether a registry that has some is never asked itself.
    pub mirrors_only: bool,
    /// Registries that speak plain HTTP.
    pub insecure_registries: String,
    /// Which registries may be in private networks: `no`, `yes`, or names.
    pub allow_private_registries: String,
    /// PEM file of certificate authorities beside the host's own.
    pub ca_file: Option<PathBuf>,
}

/// Where volumes are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VolumeKind {
    /// Beside the sandboxes' own files.
    Local,
    /// In the bucket of archives and backups.
    S3(S3),
}

/// How sandboxes' own files are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageKind {
    /// A btrfs pool of its own in a file; sizes are enforced.
    Btrfs,
    /// Plain directories; sizes are not enforced. For development.
    Dir,
}
