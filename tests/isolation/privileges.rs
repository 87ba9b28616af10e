//! Root inside is nobody outside.

use std::fs;
use std::time::Duration;

use paddock_tests::server::Server;
use paddock_tests::wait;
use serde_json::json;

/// The host's pid of a process inside, found by a word of its command line.
fn host_pid(word: &str) -> i32 {
    wait::until("the process is seen from the host", Duration::from_secs(10), || {
        let pids = fs::read_dir("/proc").unwrap().flatten();
        pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()).find(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(word)
                && fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "sleep")
        })
    })
}

#[test]
fn root_inside_has_no_privilege_outside() {
    let sandbox = Server::shared().api.sandbox(&json!({}));
    assert_eq!(sandbox.output("id -u; sudo id -u"), "1000\n0");
    // A process of root's, seen from the host.
    sandbox.output("sudo sh -c 'sleep 86399 </dev/null >/dev/null 2>&1 &'");
    let pid = host_pid("86399");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
    let uid: u32 = uid.split_whitespace().next().unwrap().parse().unwrap();
    assert!((0x7000_0000..0x8000_0000).contains(&uid), "root inside is {uid} outside");
    let namespace = |pid: &str, kind: &str| fs::read_link(format!("/proc/{pid}/ns/{kind}")).unwrap();
    for kind in ["user", "pid", "net", "mnt", "ipc", "uts", "cgroup"] {
        assert_ne!(namespace(&pid.to_string(), kind), namespace("self", kind), "{kind}");
    }
}

#[test]
fn two_sandboxes_share_no_user_id() {
    let api = &Server::shared().api;
    let (one, two) = (api.sandbox(&json!({})), api.sandbox(&json!({})));
    let map = "awk '{print $2}' /proc/self/uid_map";
    assert_ne!(one.output(map), two.output(map));
}

#[test]
fn the_toolbox_and_commands_hold_no_capability_and_sudo_holds_a_bounded_set() {
    let sandbox = Server::shared().api.sandbox(&json!({}));
    let effective = "grep CapEff /proc/self/status | cut -f2";
    assert_eq!(sandbox.output(effective), "0000000000000000");
    assert_eq!(sandbox.output("grep CapEff /proc/1/status | cut -f2"), "0000000000000000");
    assert_eq!(sandbox.output(&format!("sudo sh -c '{effective}'")), "00000000a80425fb");
}

#[test]
fn system_calls_that_open_the_kernel_are_refused_even_to_root() {
    let sandbox = Server::shared().api.sandbox(&json!({}));
    assert_eq!(sandbox.output("grep Seccomp: /proc/self/status | cut -f2"), "2");
    assert_eq!(sandbox.output("sudo chroot / true && echo fine"), "fine");
    for command in [
        "sudo unshare --user true",
        "sudo unshare --mount true",
        "sudo mount -t tmpfs none /mnt",
        "sudo mount --bind /etc /mnt",
        "sudo dmesg",
        "sudo hostname other",
        "sudo date -s 2001-01-01",
        "sudo sh -c 'echo 1 > /proc/sys/kernel/panic'",
        "sudo sh -c 'echo b > /proc/sysrq-trigger'",
        "sudo sh -c 'echo core > /proc/sys/kernel/core_pattern'",
    ] {
        let (code, output) = sandbox.run(command);
        assert_ne!(code, 0, "{command}: {output}");
    }
    // Kernel keys, BPF, io_uring, handles of files: by number, since no program offers them all.
    let calls = "import ctypes, sys\n\
                 libc = ctypes.CDLL(None, use_errno=True)\n\
                 for number in [248, 250, 321, 425, 304, 246, 308]:\n    \
                     result = libc.syscall(number, 0, 0, 0, 0, 0, 0)\n    \
                     assert result == -1 and ctypes.get_errno() in (1, 38), (number, result, ctypes.get_errno())\n\
                 assert libc.syscall(39) == libc.getpid()\n\
                 print('refused')";
    let answer = sandbox.api.toolbox(
        "POST",
        &sandbox.id,
        "/process/code-run",
        Some(&json!({"code": calls, "language": "python"})),
    );
    let answer = answer.expect(200);
    assert_eq!(answer["result"], "refused\n", "{answer}");
}

#[test]
fn the_front_runs_without_any_privilege() {
    let server = Server::shared();
    let supervisor: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(server.data.join("run/endpoints.json")).unwrap()).unwrap();
    let supervisor = supervisor["pid"].as_u64().unwrap();
    let children = fs::read_to_string(format!("/proc/{supervisor}/task/{supervisor}/children")).unwrap();
    let role = |role: &str| {
        let pid = children.split_whitespace().find(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).split('\0').any(|word| word == role)
        });
        fs::read_to_string(format!("/proc/{}/status", pid.unwrap())).unwrap()
    };
    let field = |status: &str, name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let front = role("front");
    for name in ["Uid:", "Gid:"] {
        assert!(field(&front, name).iter().all(|id| id != "0"), "{name} {:?}", field(&front, name));
    }
    assert!(field(&front, "Groups:").is_empty());
    for name in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(field(&front, name), ["0000000000000000"], "{name}");
    }
    assert_eq!(field(&front, "NoNewPrivs:"), ["1"]);
    // The same look at the runner finds root: the look itself works.
    assert_eq!(field(&role("runner"), "Uid:")[0], "0");
}
