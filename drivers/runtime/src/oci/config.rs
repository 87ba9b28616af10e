//! The document that tells an OCI runtime what a sandbox is (`config.json` of the runtime specification).

use std::os::fd::AsRawFd;

use serde_json::{Value, json};

use super::root::Bundle;
use crate::Launch;

/// Where the toolbox is shown inside.
pub(super) const TOOLBOX_INSIDE: &str = "/opt/paddock/toolbox";

/// What root inside may ever do, and only inside: the field's usual set. `sudo` needs it in the bounding
/// set; the toolbox and all it starts hold none of it.
const CAPABILITIES: [&str; 14] = [
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

/// What tells of the host or of other sandboxes although the namespaces do not cover it.
const MASKED: [&str; 11] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The system calls that are allowed, as data: the field's common profile (that of containers/common,
/// Apache-2.0) less what makes namespaces and mounts, kernel keys, io_uring, and sockets to the hypervisor.
const SECCOMP: &str = include_str!("seccomp.json");

/// The instruction sets whose programs may run: the host's own and what it can run beside it.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURES: [&str; 3] = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"];
#[cfg(target_arch = "aarch64")]
const ARCHITECTURES: [&str; 2] = ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"];

/// Every `ioctl` but those of btrfs, of which only the sharing of data between files is allowed.
///
/// Volumes may be directories of a btrfs, which lets anybody make subvolumes and snapshots in a directory that he may
/// write to: those have a quota group of their own, and so no limit. A filter cannot say "not this type", so there is one
/// rule for each bit by which a request's type may differ from btrfs's.
fn ioctl_rules() -> impl Iterator<Item = Value> {
    /// The type of the requests of btrfs, the second byte of their numbers.
    const BTRFS: u32 = 0x94;
    /// `FICLONE`, `FICLONERANGE` and `FIDEDUPERANGE`, which other file systems know too.
    const SHARING: [u32; 3] = [0x4004_9409, 0x4020_940d, 0xc018_9436];
    let allow = |argument: Value| json!({"names": ["ioctl"], "action": "SCMP_ACT_ALLOW", "args": [argument]});
    let others = (8..16).map(move |bit| {
        let mask = 1 << bit;
        let wanted = !(BTRFS << 8) & mask;
        allow(json!({"index": 1, "value": mask, "valueTwo": wanted, "op": "SCMP_CMP_MASKED_EQ"}))
    });
    others
        .chain(SHARING.map(move |request| allow(json!({"index": 1, "value": request, "op": "SCMP_CMP_EQ"}))))
}

/// The document for one launch.
pub(super) fn document(launch: &Launch<'_>, bundle: &Bundle, cgroup: &str, unified: bool) -> Value {
    let this_process = std::process::id();
    let namespace = |fd: i32| format!("/proc/{this_process}/fd/{fd}");
    let memory = launch.resources.memory.bytes();
    let range = launch.pair.range;
    let mapping = json!([{ "containerID": 0, "hostID": range.first, "size": range.count }]);
    let mut seccomp =
        serde_json::from_str::<Value>(SECCOMP).unwrap_or_else(|_| json!({"defaultAction": "SCMP_ACT_KILL"}));
    seccomp["architectures"] = json!(ARCHITECTURES);
    if let Some(rules) = seccomp["syscalls"].as_array_mut() {
        rules.extend(ioctl_rules());
    }
    let mut mounts = vec![
        json!({"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]}),
        json!({"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]}),
        json!({"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]}),
        json!({"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "nodev", "mode=1777", format!("size={}", memory / 2)]}),
        json!({"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]}),
        json!({"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]}),
        json!({"destination": TOOLBOX_INSIDE, "type": "bind", "source": bundle.toolbox, "options": ["bind", "ro", "nosuid", "nodev"]}),
    ];
    mounts.extend(bundle.mounts.iter().map(|(source, destination)| {
        json!({"destination": destination, "type": "bind", "source": source, "options": ["bind", "nosuid", "nodev"]})
    }));
    // Anybody may write there, and what has a name may be run: builds compile in such places.
    mounts.extend(launch.scratch.iter().map(|(path, size)| {
        json!({"destination": path, "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "mode=1777", format!("size={size}")]})
    }));
    if unified {
        mounts.push(json!({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "noexec", "nodev", "ro"]}));
    }
    let mut arguments = vec![TOOLBOX_INSIDE];
    if !launch.arguments.is_empty() {
        arguments.push("--");
        arguments.extend(launch.arguments.iter().map(String::as_str));
    }
    json!({
        "ociVersion": "1.0.2",
        "root": { "path": bundle.root, "readonly": false },
        "hostname": launch.hostname,
        "process": {
            "terminal": false,
            "user": { "uid": 0, "gid": 0 },
            "cwd": "/",
            "args": arguments,
            "env": launch.environment,
            // Off, so that sudo works; the walls are the user namespace, the bounding set and seccomp.
            "noNewPrivileges": false,
            "capabilities": {
                "bounding": CAPABILITIES,
                "effective": CAPABILITIES,
                "permitted": CAPABILITIES,
            },
        },
        "mounts": mounts,
        "linux": {
            "namespaces": [
                { "type": "user", "path": namespace(launch.pair.user.as_raw_fd()) },
                { "type": "network", "path": namespace(launch.pair.network.as_raw_fd()) },
                { "type": "mount" },
                { "type": "pid" },
                { "type": "ipc" },
                { "type": "uts" },
                { "type": "cgroup" },
            ],
            "uidMappings": mapping,
            "gidMappings": mapping,
            "cgroupsPath": cgroup,
            "resources": {
                "devices": [{ "allow": false, "access": "rwm" }],
                // Swap is counted with memory in version 1 and beside it in version 2 of control groups: none in either.
                "memory": { "limit": memory, "swap": memory },
                "cpu": { "quota": i64::from(launch.resources.cpu.0) * 100_000, "period": 100_000, "shares": 1024 },
                "pids": { "limit": launch.max_pids },
            },
            "sysctl": { "net.ipv4.ip_unprivileged_port_start": "0" },
            "maskedPaths": MASKED,
            "readonlyPaths": READ_ONLY,
            "seccomp": seccomp,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_of_btrfs_is_allowed_only_if_it_shares_data() {
        let number = |value: &Value| value.as_u64().unwrap();
        let is_allowed = |request: u64| {
            ioctl_rules().any(|rule| {
                let argument = &rule["args"][0];
                match argument["op"].as_str().unwrap() {
                    "SCMP_CMP_EQ" => request == number(&argument["value"]),
                    _ => request & number(&argument["value"]) == number(&argument["valueTwo"]),
                }
            })
        };
        // TCGETS, FIONREAD, TUNSETIFF, FS_IOC_GETFLAGS; then what shares data.
        for request in [0x5401, 0x541b, 0x4004_54ca, 0x8008_6601, 0x4004_9409, 0x4020_940d, 0xc018_9436] {
            assert!(is_allowed(request), "{request:#x}");
        }
        // Subvolumes and snapshots, in both versions; quotas; the same number with bits that the kernel ignores.
        for request in [0x5000_940e, 0x5000_9418, 0x5000_9401, 0x5000_9417, 0x8030_942b, 0x1_5000_940e] {
            assert!(!is_allowed(request), "{request:#x}");
        }
        let all = (0..=255).filter(|kind| is_allowed(0x4000_0001 | kind << 8)).count();
        assert_eq!(all, 255, "every type but one");
    }

    #[test]
    fn the_profile_is_a_document_that_denies_by_default() {
        let profile: Value = serde_json::from_str(SECCOMP).unwrap();
        assert_eq!(profile["defaultAction"], "SCMP_ACT_ERRNO");
        let allowed: Vec<&str> = profile["syscalls"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|rule| rule["action"] == "SCMP_ACT_ALLOW" && rule.get("args").is_none())
            .flat_map(|rule| rule["names"].as_array().unwrap())
            .map(|name| name.as_str().unwrap())
            .collect();
        for name in [
            "mount",
            "unshare",
            "setns",
            "bpf",
            "keyctl",
            "io_uring_setup",
            "kexec_load",
            "clone3",
            "open_by_handle_at",
        ] {
            assert!(!allowed.contains(&name), "{name}");
        }
        for name in ["read", "execve", "chroot", "setuid", "ptrace", "inotify_init1"] {
            assert!(allowed.contains(&name), "{name}");
        }
    }
}
