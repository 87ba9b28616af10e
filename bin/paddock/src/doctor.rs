//! `paddock doctor`: what this host has and lacks.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use paddock_config::{Config, Objects, StorageKind, VolumeKind};

use crate::{porter, user};

/// One finding.
struct Finding {
    what: &'static str,
    found: Result<String, Problem>,
}

/// Something missing.
struct Problem {
    /// Whether the server cannot run without it.
    fatal: bool,
    /// What it disables, and how to get it.
    text: String,
}

pub(crate) fn check(config: &Config) -> Result<()> {
    let findings = [
        Finding { what: "kernel", found: kernel() },
        Finding { what: "root", found: root() },
        Finding { what: "user", found: front_user(config) },
        Finding { what: "OCI runtime", found: runtime(config) },
        Finding {
            what: "nftables",
            found: program("nft", "--version", "nftables", "sandboxes cannot be connected"),
        },
        Finding { what: "btrfs", found: btrfs(config) },
        Finding {
            what: "mmdebstrap",
            found: program("mmdebstrap", "--version", "mmdebstrap", "the built-in snapshot cannot be made"),
        },
        Finding { what: "control groups", found: cgroups() },
        Finding { what: "firewall", found: firewall() },
        Finding { what: "disk", found: disk(config) },
        Finding { what: "object store", found: objects(config) },
        Finding { what: "volumes", found: volumes(config) },
    ];
    let mut fatal = false;
    for finding in findings {
        match finding.found {
            Ok(text) => println!("  ok       {:<15} {text}", finding.what),
            Err(problem) => {
                println!(
                    "  {:<8} {:<15} {}",
                    if problem.fatal { "MISSING" } else { "warning" },
                    finding.what,
                    problem.text
                );
                fatal |= problem.fatal;
            }
        }
    }
    if fatal { bail!("this host cannot run sandboxes yet") } else { Ok(()) }
}

fn missing<T>(text: impl Into<String>) -> Result<T, Problem> {
    Err(Problem { fatal: true, text: text.into() })
}

fn warning<T>(text: impl Into<String>) -> Result<T, Problem> {
    Err(Problem { fatal: false, text: text.into() })
}

fn kernel() -> Result<String, Problem> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(['.', '-']).map_while(|part| part.trim().parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    // 5.19: overlayfs on id-mapped layers.
    if version < (5, 19) {
        return missing(format!("Linux {} is older than 5.19, which id-mapped layers need", release.trim()));
    }
    Ok(format!("Linux {}", release.trim()))
}

fn root() -> Result<String, Problem> {
    #[expect(unsafe_code, reason = "one call without arguments")]
    // SAFETY: takes nothing.
    let uid = unsafe { libc::geteuid() };
    if uid == 0 {
        Ok("yes".to_owned())
    } else {
        missing("run it as root: it makes namespaces, mounts and control groups")
    }
}

fn front_user(config: &Config) -> Result<String, Problem> {
    match user::find(&config.front_user) {
        Ok(found) => Ok(format!("{} is {}", config.front_user, found.uid)),
        Err(error) => missing(format!("{error:#}")),
    }
}

fn output_of(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().next().map(str::to_owned)
}

fn program(name: &str, argument: &str, package: &str, without: &str) -> Result<String, Problem> {
    output_of(name, argument)
        .map_or_else(|| missing(format!("{name} is not there: {without}; apt-get install {package}")), Ok)
}

fn runtime(config: &Config) -> Result<String, Problem> {
    let name = &config.runtime;
    let Some(line) = output_of(name, "--version") else {
        return missing(format!("{name} is not there: nothing can be started; apt-get install crun"));
    };
    let version: Vec<u32> = line
        .split_whitespace()
        .last()
        .unwrap_or_default()
        .split(['.', '+', '-', '~'])
        .map_while(|part| part.parse().ok())
        .collect();
    if line.starts_with("runc") && version.as_slice() < [1, 2, 8].as_slice() {
        return warning(format!("{line} is older than 1.2.8, which mended known escapes"));
    }
    Ok(line)
}

fn btrfs(config: &Config) -> Result<String, Problem> {
    if config.storage == StorageKind::Dir {
        return warning("storage.kind is dir: sizes of sandboxes are not enforced");
    }
    let filesystems = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    let known = filesystems.lines().any(|line| line.trim().ends_with("btrfs")) || module_exists("btrfs");
    if !known {
        return missing("this kernel has no btrfs: set storage.kind = \"dir\" to go without enforced sizes");
    }
    program("mkfs.btrfs", "--version", "btrfs-progs", "the storage pool cannot be made")
}

fn module_exists(name: &str) -> bool {
    Command::new("modinfo").arg(name).output().is_ok_and(|output| output.status.success())
}

fn cgroups() -> Result<String, Problem> {
    let root = Path::new("/sys/fs/cgroup");
    if root.join("cgroup.controllers").exists() {
        return Ok("version 2".to_owned());
    }
    let lacking: Vec<&str> = ["cpu", "memory", "pids", "devices"]
        .into_iter()
        .filter(|name| !root.join(name).join("cgroup.procs").exists())
        .collect();
    if !lacking.is_empty() {
        return missing(format!("no controller for {}", lacking.join(", ")));
    }
    if root.join("unified").exists() {
        Ok("version 1 beside an empty version 2 (hybrid)".to_owned())
    } else {
        Ok("version 1".to_owned())
    }
}

fn firewall() -> Result<String, Problem> {
    let rules = Command::new("nft").args(["-a", "list", "chain", "ip", "filter", "FORWARD"]).output();
    match rules {
        Ok(output) if String::from_utf8_lossy(&output.stdout).contains("policy drop") => warning(
            "the host's FORWARD chain drops by default (Docker does that): sandboxes reach nothing until their link is \
             accepted, for example: iptables -I FORWARD -i pd+ -j ACCEPT; iptables -I FORWARD -o pd+ -j ACCEPT",
        ),
        _ => Ok("forwards".to_owned()),
    }
}

fn disk(config: &Config) -> Result<String, Problem> {
    let existing = config.data.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let output = Command::new("df").args(["--output=avail", "-B", "1G"]).arg(existing).output();
    let free = output.ok().and_then(|output| {
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .nth(1)
            .and_then(|line| line.trim().parse::<u32>().ok())
    });
    let pool = paths_pool_exists(config);
    match free {
        Some(free) if !pool && free < config.pool_gib + 4 => missing(format!(
            "{free} GiB are free at {}, the pool takes {} and the built-in snapshot 3: set PADDOCK_POOL_GIB",
            existing.display(),
            config.pool_gib
        )),
        Some(free) => Ok(format!("{free} GiB free at {}", existing.display())),
        None => warning("free space could not be measured"),
    }
}

/// How long the object store may take to answer.
const OBJECTS_LIMIT: Duration = Duration::from_secs(15);

/// Asks the store for an object that nobody put.
fn objects(config: &Config) -> Result<String, Problem> {
    let without = "sandboxes can be neither archived nor restored";
    if let Objects::Directory(directory) = &config.objects
        && !directory.exists()
    {
        return Ok(format!("{} is made by the first start", directory.display()));
    }
    let ask = || -> Result<()> {
        let porter = porter::porter(config, user::find(&config.front_user)?)?;
        let (canceller, cancel) = paddock_porter::cancel()?;
        std::thread::spawn(move || {
            std::thread::park_timeout(OBJECTS_LIMIT);
            canceller.cancel();
        });
        porter.look(&"doctor/nothing".parse()?, &cancel)?;
        Ok(())
    };
    match ask() {
        Ok(()) => Ok("answers".to_owned()),
        Err(error) => warning(format!("{without}: {error:#}")),
    }
}

fn volumes(config: &Config) -> Result<String, Problem> {
    if config.volumes == VolumeKind::Local {
        return Ok("local".to_owned());
    }
    if !Path::new("/dev/fuse").exists() && !module_exists("fuse") {
        return missing(
            "this kernel has no fuse: volumes in a bucket cannot be mounted; set volumes.kind = \"local\"",
        );
    }
    program("s3fs", "--version", "s3fs", "volumes in a bucket cannot be mounted")
}

fn paths_pool_exists(config: &Config) -> bool {
    crate::paths::runner(config).join("pool.img").exists()
}
