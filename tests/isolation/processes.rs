//! Processes, mounts and devices of the host cannot be seen.

use paddock_tests::server::Server;
use serde_json::json;

#[test]
fn only_the_sandboxs_own_processes_can_be_seen() {
    let sandbox = Server::shared().api.sandbox(&json!({}));
    let commands = sandbox.output("ps -eo comm=");
    assert!(commands.contains("toolbox"), "{commands}");
    assert!(!commands.contains("paddock"), "{commands}");
    assert!(commands.lines().count() < 6, "{commands}");
    // A process of the host by number is none of ours.
    let (code, _) = sandbox.run(&format!("sudo kill -0 {}", std::process::id()));
    assert_ne!(code, 0);
    assert_eq!(sandbox.run("sudo kill -0 1").0, 0);
}

#[test]
fn the_hosts_mounts_and_disks_cannot_be_seen() {
    let server = Server::shared();
    let sandbox = server.api.sandbox(&json!({}));
    let mounts = sandbox.output("cat /proc/self/mountinfo");
    assert!(mounts.lines().any(|line| line.contains(" / / ") && line.contains("overlay")), "{mounts}");
    assert!(!mounts.contains("pool.img"), "{mounts}");
    assert!(!mounts.contains(&server.data.display().to_string()), "{mounts}");
    let devices = sandbox.output("ls /dev");
    for device in ["null", "zero", "urandom", "tty", "pts", "shm"] {
        assert!(devices.lines().any(|line| line == device), "{device} in {devices}");
    }
    for device in ["vda", "sda", "nvme0", "loop", "kmsg", "mem", "kvm", "fuse", "btrfs-control"] {
        assert!(!devices.contains(device), "{device} in {devices}");
    }
}

#[test]
fn a_device_node_made_inside_opens_nothing() {
    let sandbox = Server::shared().api.sandbox(&json!({}));
    let (code, output) = sandbox.run("sudo mknod /tmp/disk b 254 0 && sudo head -c 1 /tmp/disk");
    assert_ne!(code, 0, "{output}");
    assert_eq!(sandbox.output("sudo mkfifo /tmp/pipe && echo fine"), "fine");
}

#[test]
fn what_tells_of_the_host_is_masked() {
    let sandbox = Server::shared().api.sandbox(&json!({}));
    assert!(!sandbox.output("cat /proc/uptime").is_empty());
    for path in ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/interrupts", "/proc/sched_debug"] {
        let (_, output) =
            sandbox.run(&format!("test -e {path} && sudo head -c 100 {path} | wc -c || echo 0"));
        assert_eq!(output.trim(), "0", "{path}");
    }
    assert_eq!(sandbox.output("sudo ls /sys/firmware 2>/dev/null | wc -l"), "0");
    let (code, _) = sandbox.run("sudo sh -c 'echo 1 > /sys/kernel/mm/transparent_hugepage/enabled'");
    assert_ne!(code, 0);
}

#[test]
fn the_toolbox_cannot_be_traced_or_changed_from_inside() {
    let sandbox = Server::shared().api.sandbox(&json!({}));
    assert_ne!(sandbox.run("cat /proc/1/environ >/dev/null").0, 0);
    assert_eq!(sandbox.run("cat /proc/self/environ >/dev/null").0, 0);
    assert_ne!(sandbox.run("sudo sh -c 'echo x >> /opt/paddock/toolbox'").0, 0);
    assert_ne!(sandbox.run("sudo rm /opt/paddock/toolbox").0, 0);
}

#[test]
fn the_hosts_null_device_keeps_its_owner() {
    use std::os::unix::fs::MetadataExt;
    let sandbox = Server::shared().api.sandbox(&json!({}));
    sandbox.run("sudo chmod 600 /proc/1/fd/0 /dev/null");
    let null = std::fs::metadata("/dev/null").unwrap();
    assert_eq!((null.uid(), null.gid(), null.mode() & 0o777), (0, 0, 0o666));
    assert_eq!(sandbox.output("echo still > /dev/null && echo works"), "works");
}
