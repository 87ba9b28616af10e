//! The table of settings, and the page that is printed from it.

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its key in the TOML file, with its table before the dot.
    pub key: &'static str,
    /// Its environment variable.
    pub variable: &'static str,
    /// Its default, as it would be written. Empty: not set.
    pub default: &'static str,
    /// What it means, with unit and range.
    pub meaning: &'static str,
}

/// Every setting, in the order of the documentation.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "instance",
        variable: "PADDOCK_INSTANCE",
        default: "default",
        meaning: "Name of this installation on its host: 1 to 20 of `a-z`, `0-9` and `-`, starting with a letter. \
                  Two servers on one host need different names and data directories.",
    },
    Setting {
        key: "data",
        variable: "PADDOCK_DATA",
        default: "/var/lib/paddock",
        meaning: "Directory of everything that this instance keeps, the pool among it.",
    },
    Setting {
        key: "cache",
        variable: "PADDOCK_CACHE",
        default: "/var/cache/paddock",
        meaning: "Directory of built-in root file systems, shared by all instances on a host.",
    },
    Setting {
        key: "listen",
        variable: "PADDOCK_LISTEN",
        default: "127.0.0.1",
        meaning: "IP address that the servers listen on; `0.0.0.0` for all.",
    },
    Setting {
        key: "api.port",
        variable: "PADDOCK_API_PORT",
        default: "3000",
        meaning: "Port of the API and of the page for people. 0: any free one.",
    },
    Setting {
        key: "proxy.port",
        variable: "PADDOCK_PROXY_PORT",
        default: "4000",
        meaning: "Port of the proxy through which clients reach the inside of sandboxes. 0: any free one.",
    },
    Setting {
        key: "public_url",
        variable: "PADDOCK_PUBLIC_URL",
        default: "",
        meaning: "URL of the proxy as clients see it, such as `https://sandboxes.example.com`. Not set: the host of \
                  each request with the proxy's port.",
    },
    Setting {
        key: "database_url",
        variable: "PADDOCK_DATABASE_URL",
        default: "",
        meaning: "PostgreSQL URL of the store. Not set: SQLite in the data directory.",
    },
    Setting {
        key: "front_user",
        variable: "PADDOCK_FRONT_USER",
        default: "paddock",
        meaning: "System user that the processes which speak to the network run as.",
    },
    Setting {
        key: "storage.kind",
        variable: "PADDOCK_STORAGE",
        default: "btrfs",
        meaning: "`btrfs`: a pool of its own in a file, sizes are enforced. `dir`: plain directories, sizes are \
                  not enforced; for development on hosts without btrfs.",
    },
    Setting {
        key: "storage.pool_gib",
        variable: "PADDOCK_POOL_GIB",
        default: "20",
        meaning: "Size of a new pool in GiB (at least 1). It is allocated at once. An existing pool keeps its size.",
    },
    Setting {
        key: "storage.reserve_mib",
        variable: "PADDOCK_POOL_RESERVE_MIB",
        default: "512",
        meaning: "No sandbox and no volume is made while less than this is free in the pool, in MiB.",
    },
    Setting {
        key: "volumes.kind",
        variable: "PADDOCK_VOLUMES_KIND",
        default: "local",
        meaning: "`local`: volumes lie beside the sandboxes' own files. `s3`: they lie in the bucket of `objects.s3`, below \
                  `volumes/`, and are mounted by `s3fs`, which has to be installed.",
    },
    Setting {
        key: "volumes.max_size_gib",
        variable: "PADDOCK_VOLUMES_MAX_SIZE_GIB",
        default: "10",
        meaning: "The most that one volume may hold, in GiB (at least 1). Volumes lie in the pool and share it with the \
                  sandboxes' own files. A change holds for each volume from the next start of a sandbox that mounts it. \
                  Not enforced where `storage.kind` is `dir`, nor in \
                  a bucket: there it limits what a client keeps on this host of files that are being written.",
    },
    Setting {
        key: "objects.directory",
        variable: "PADDOCK_OBJECTS_DIRECTORY",
        default: "",
        meaning: "Directory of archives and backups, used unless `objects.s3.endpoint` is set. It belongs to \
                  `front_user`. Not set: `objects` in the data directory.",
    },
    Setting {
        key: "objects.s3.endpoint",
        variable: "PADDOCK_OBJECTS_S3_ENDPOINT",
        default: "",
        meaning: "URL of a service that speaks S3, `https://s3.example.com`: archives and backups are kept there. \
                  Addresses are of the path style. `http://` is for networks that are trusted.",
    },
    Setting {
        key: "objects.s3.bucket",
        variable: "PADDOCK_OBJECTS_S3_BUCKET",
        default: "",
        meaning: "The bucket, which must be there. Needed with an endpoint.",
    },
    Setting {
        key: "objects.s3.region",
        variable: "PADDOCK_OBJECTS_S3_REGION",
        default: "us-east-1",
        meaning: "What requests are signed for. Services of one's own take any.",
    },
    Setting {
        key: "objects.s3.access_key",
        variable: "PADDOCK_OBJECTS_S3_ACCESS_KEY",
        default: "",
        meaning: "Who asks. Needed with an endpoint.",
    },
    Setting {
        key: "objects.s3.secret_key_file",
        variable: "PADDOCK_OBJECTS_S3_SECRET_KEY_FILE",
        default: "",
        meaning: "File that holds the secret of the access key and that root alone may read. Needed with an endpoint.",
    },
    Setting {
        key: "objects.s3.prefix",
        variable: "PADDOCK_OBJECTS_S3_PREFIX",
        default: "paddock/",
        meaning: "Before the names of all objects in the bucket. Two installations in one bucket need different ones.",
    },
    Setting {
        key: "images.mirrors",
        variable: "PADDOCK_IMAGES_MIRRORS",
        default: "",
        meaning: "Servers that have images of a registry and are asked before it, in this order, divided by commas: \
                  `docker.io=https://mirror.example.com,ghcr.io=http://10.0.0.5:5000/cache`. A path stands before \
                  the names of repositories there. `http` is for networks that are trusted. Mirrors see no credentials.",
    },
    Setting {
        key: "images.mirrors_only",
        variable: "PADDOCK_IMAGES_MIRRORS_ONLY",
        default: "no",
        meaning: "`yes`: a registry that has mirrors is never asked itself.",
    },
    Setting {
        key: "images.insecure_registries",
        variable: "PADDOCK_IMAGES_INSECURE_REGISTRIES",
        default: "",
        meaning: "Registries that are spoken to by plain HTTP, divided by commas: `registry.local:5000`. They may be \
                  at any address, also this host's own.",
    },
    Setting {
        key: "images.allow_private_registries",
        variable: "PADDOCK_IMAGES_ALLOW_PRIVATE_REGISTRIES",
        default: "no",
        meaning: "Which registries may be at addresses of private networks: `no`, `yes` for all, or their names divided \
                  by commas, which then may also be at this host's own addresses. Users name registries, so `yes` lets \
                  them reach what listens on port 443 of this host's neighbours; link-local addresses and the cloud's \
                  metadata stay closed.",
    },
    Setting {
        key: "images.ca_file",
        variable: "PADDOCK_IMAGES_CA_FILE",
        default: "",
        meaning: "PEM file of certificate authorities that registries' certificates may come from, beside the host's \
                  own. Unless set, that of `sandbox.extra_ca_file`. The front's user must be able to read it.",
    },
    Setting {
        key: "runtime.program",
        variable: "PADDOCK_RUNTIME",
        default: "crun",
        meaning: "OCI runtime: a name on PATH or a path. `crun` and `runc` are tested.",
    },
    Setting {
        key: "sandbox.max_pids",
        variable: "PADDOCK_MAX_PIDS",
        default: "4096",
        meaning: "The most processes and threads of one sandbox (at least 16).",
    },
    Setting {
        key: "sandbox.spare_namespaces",
        variable: "PADDOCK_SPARE_NAMESPACES",
        default: "8",
        meaning: "How many network and user namespaces are kept ready for new sandboxes.",
    },
    Setting {
        key: "sandbox.extra_ca_file",
        variable: "PADDOCK_EXTRA_CA_FILE",
        default: "",
        meaning: "PEM file of certificate authorities that every sandbox trusts beside its own, for networks that \
                  inspect TLS.",
    },
    Setting {
        key: "log",
        variable: "PADDOCK_LOG",
        default: "info",
        meaning: "What is logged to standard error, in the filter syntax of Rust's tracing: `info`, \
                  `paddock_runner=debug,info`.",
    },
];

/// The page `docs/configuration.md`.
pub fn documentation() -> String {
    let mut page = String::from(
        "# Configuration\n\n\
         Printed from `libs/config/src/settings.rs`. Every setting has a default that works on a fresh host; none \
         must be set. The environment wins over the file that `PADDOCK_CONFIG` names (default \
         `/etc/paddock/paddock.toml`, which need not be there). A key with a dot lies in a table of the file: \
         `api.port` is `port` under `[api]`. Unknown keys are errors.\n\n\
         | key in the file | environment | default | meaning |\n|---|---|---|---|\n",
    );
    for setting in SETTINGS {
        let default =
            if setting.default.is_empty() { "not set".to_owned() } else { format!("`{}`", setting.default) };
        page.push_str(&format!(
            "| `{}` | `{}` | {default} | {} |\n",
            setting.key, setting.variable, setting.meaning
        ));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_is_what_the_table_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(path, documentation()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == documentation(), "run this test with UPDATE_EXPECT=1");
    }
}
