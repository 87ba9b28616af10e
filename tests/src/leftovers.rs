//! What is on the host, for comparing before and after.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// As whom clients of volumes in a bucket run (`paddock_driver_volume::s3::client::ID`).
const CLIENT_OF_VOLUMES: u32 = 0x6ffe_0000;

/// Everything that paddock can leave on a host, as readable lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory(BTreeSet<String>);

impl Inventory {
    /// Looks at the host now. Only what carries paddock's names is listed: others may come and go meanwhile.
    pub fn take() -> Self {
        let mut found = BTreeSet::new();
        found.extend(mounts());
        found.extend(processes());
        found.extend(control_groups(Path::new("/sys/fs/cgroup")));
        found.extend(devices());
        found.extend(rules());
        found.extend(loop_devices());
        found.extend(leases());
        Self(found)
    }

    /// What is here, was not `before`, and belongs to no server that somebody else runs on this host.
    pub fn since(&self, before: &Self) -> Vec<String> {
        let foreign = foreign_instances();
        let data = data_directories();
        let is_foreign = |line: &str| {
            foreign.iter().any(|name| {
                let table = format!("paddock_{}", name.replace('-', "_"));
                let group = format!("paddock-{name}");
                let directory = data
                    .iter()
                    .find(|(instance, _)| instance == name)
                    .map(|(_, directory)| directory.as_str());
                line.contains(&group)
                    || line.contains(&table)
                    || directory.is_some_and(|directory| line.contains(directory))
            })
        };
        self.0.difference(&before.0).filter(|line| !is_foreign(line)).cloned().collect()
    }

    /// What is listed.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// The data directory of each running server, by instance.
fn data_directories() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(instance) = instance_of(&entry.path()) else { continue };
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        let environment = String::from_utf8_lossy(&environment).into_owned();
        if let Some(data) = environment.split('\0').find_map(|pair| pair.strip_prefix("PADDOCK_DATA=")) {
            found.push((instance, data.to_owned()));
        }
    }
    found
}

fn mounts() -> Vec<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    table
        .lines()
        .filter(|line| line.contains("paddock"))
        .filter_map(|line| line.split(' ').nth(4))
        .map(|point| format!("mount {point}"))
        .collect()
}

/// Processes that are ours by name, or that run with ids of a sandbox's block.
fn processes() -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let status = fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        let uid = status
            .lines()
            .find_map(|line| line.strip_prefix("Uid:"))
            .and_then(|ids| ids.split_whitespace().next())
            .and_then(|uid| uid.parse::<u32>().ok())
            .unwrap_or(0);
        // A process that has ended and waits for the host's own init to take note is nobody's any more.
        if status.lines().any(|line| line.starts_with("State:") && line.contains('Z')) {
            continue;
        }
        if line.contains("paddock serve")
            || line.contains("/opt/paddock/toolbox")
            || uid == CLIENT_OF_VOLUMES
            || (0x7000_0000..0x8000_0000).contains(&uid)
        {
            found.push(format!("process {pid} {} of {}", line.trim(), owner_of(&entry.path())));
        }
    }
    found
}

/// The instance that a process belongs to, as `paddock-<instance>`: by its control group, else by its environment.
fn owner_of(process: &Path) -> String {
    let groups = fs::read_to_string(process.join("cgroup")).unwrap_or_default();
    let group = groups.split(['/', '\n']).find(|part| part.starts_with("paddock-")).map(str::to_owned);
    group
        .or_else(|| instance_of(process).map(|name| format!("paddock-{name}")))
        .unwrap_or_else(|| "nobody".to_owned())
}

/// The instance in a process's environment.
fn instance_of(process: &Path) -> Option<String> {
    let environment = fs::read(process.join("environ")).ok()?;
    let environment = String::from_utf8_lossy(&environment).into_owned();
    environment.split('\0').find_map(|pair| pair.strip_prefix("PADDOCK_INSTANCE=")).map(str::to_owned)
}

/// Servers on this host that no test of ours started: what they have is theirs.
fn foreign_instances() -> Vec<String> {
    let is_ours = |name: &str| {
        name.starts_with("shared")
            || name.strip_prefix('t').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).replace('\0', " ").trim().ends_with("paddock serve")
        })
        .map(|entry| instance_of(&entry.path()).unwrap_or_else(|| "default".to_owned()))
        .filter(|name| !is_ours(name))
        .collect()
}

fn control_groups(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let hierarchies = std::iter::once(root.to_owned())
        .chain(fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path()));
    for hierarchy in hierarchies {
        for group in fs::read_dir(&hierarchy).into_iter().flatten().flatten() {
            if group.file_name().to_string_lossy().starts_with("paddock-") && group.path().is_dir() {
                found.push(format!("control group {}", group.path().display()));
            }
        }
    }
    found
}

fn devices() -> Vec<String> {
    let table = fs::read_to_string("/proc/self/net/dev").unwrap_or_default();
    table
        .lines()
        .filter_map(|line| line.split(':').next())
        .map(str::trim)
        .filter(|name| name.starts_with("pd"))
        .map(|name| {
            let slot = Path::new("/run/paddock/slots").join(name.trim_start_matches("pd"));
            let holder = fs::read_link(slot).map(|data| data.display().to_string()).unwrap_or_default();
            format!("network device {name} of {holder}")
        })
        .collect()
}

fn rules() -> Vec<String> {
    let output = Command::new("nft").args(["list", "tables"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter(|line| line.contains("paddock")).map(|line| format!("rules {line}")).collect()
}

fn loop_devices() -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/sys/block").unwrap().flatten() {
        let backing = fs::read_to_string(entry.path().join("loop/backing_file")).unwrap_or_default();
        if backing.contains("pool.img") {
            found.push(format!("loop device over {}", backing.trim()));
        }
    }
    found
}

fn leases() -> Vec<String> {
    let mut found = Vec::new();
    for kind in ["ids", "slots"] {
        for entry in fs::read_dir(Path::new("/run/paddock").join(kind)).into_iter().flatten().flatten() {
            let holder =
                fs::read_link(entry.path()).map(|data| data.display().to_string()).unwrap_or_default();
            found.push(format!("lease {} of {holder}", entry.path().display()));
        }
    }
    found
}
