//! What one sandbox takes, others and the host do not miss.

use std::time::Duration;

use paddock_tests::server::Server;
use serde_json::json;

#[test]
fn one_that_forks_without_bound_is_stopped_at_its_limit_and_survives() {
    let api = &Server::shared().api;
    let (sandbox, neighbour) = (api.sandbox(&json!({})), api.sandbox(&json!({})));
    let bomb = "bash -c ':(){ :|:& };:' >/dev/null 2>&1 & sleep 2; wait";
    let body = json!({"command": bomb, "timeout": 5});
    let answer = api.toolbox("POST", &sandbox.id, "/process/execute", Some(&body));
    assert!([200, 408, 500].contains(&answer.status), "{}", answer.body);
    assert_eq!(neighbour.output("echo fine"), "fine");
    api.post(&format!("/sandbox/{}/stop?force=true", sandbox.id), &json!({})).expect(200);
    api.wait_for_state(&sandbox.id, "stopped", Duration::from_secs(30));
    api.post(&format!("/sandbox/{}/start", sandbox.id), &json!({})).expect(200);
    api.wait_for_state(&sandbox.id, "started", Duration::from_secs(30));
    assert_eq!(sandbox.output("echo again"), "again");
}

#[test]
fn one_that_eats_all_memory_loses_a_process_and_survives() {
    let api = &Server::shared().api;
    let sandbox = api.sandbox(&json!({}));
    let (code, output) = sandbox.run("python3 -c 'x = bytearray(3 << 30)'");
    assert_ne!(code, 0, "{output}");
    assert_eq!(sandbox.output("python3 -c 'x = bytearray(200 << 20); print(len(x) >> 20)'"), "200");
    assert_eq!(api.state(&sandbox.id).as_deref(), Some("started"));
}

#[test]
fn one_that_fills_its_disk_is_stopped_at_its_limit() {
    let api = &Server::shared().api;
    let neighbour = api.sandbox(&json!({}));
    // Sizes come with a snapshot; the small one has 3 GiB.
    let sandbox = api.sandbox(&json!({}));
    let (code, output) = sandbox.run("head -c 4G /dev/zero > ~/flood");
    assert_ne!(code, 0);
    assert!(output.contains("quota") || output.contains("space"), "{output}");
    assert_eq!(
        neighbour.output("head -c 10M /dev/zero > ~/file && stat -c %s ~/file"),
        (10 << 20).to_string()
    );
    // What fills it can be removed, also a file of the image (whose mark of deletion is new data).
    sandbox.output("rm ~/flood ~/.bashrc && echo more > ~/small && cat ~/small");
}

#[test]
fn cpu_memory_and_pids_are_what_was_promised() {
    let api = &Server::shared().api;
    let sandbox = api.sandbox(&json!({"snapshot": "paddock-medium"}));
    // Two cores asked, two seconds of CPU per second at most; the group's own files on the host say so.
    let group = |controller: &str, file: &str| {
        let root = std::path::Path::new("/sys/fs/cgroup");
        let instance =
            std::env::var("PADDOCK_TEST_INSTANCE").expect("run these tests with `cargo xtask test`");
        let unified = root.join(format!("paddock-{instance}")).join(&sandbox.id).join(file);
        let classic = root.join(controller).join(format!("paddock-{instance}")).join(&sandbox.id).join(file);
        std::fs::read_to_string(unified)
            .or_else(|_| std::fs::read_to_string(classic))
            .ok()
            .map(|text| text.trim().to_owned())
    };
    let memory = group("memory", "memory.limit_in_bytes").or_else(|| group("memory", "memory.max"));
    assert_eq!(memory.as_deref(), Some((4u64 << 30).to_string().as_str()));
    let pids = group("pids", "pids.max").unwrap();
    assert!(pids.parse::<u32>().unwrap() <= 4096);
    let cpu = group("cpu", "cpu.cfs_quota_us").or_else(|| group("cpu", "cpu.max")).unwrap();
    assert!(cpu.starts_with("200000"), "{cpu}");
}

#[test]
fn watches_of_files_are_counted_per_sandbox() {
    let api = &Server::shared().api;
    let (greedy, modest) = (api.sandbox(&json!({})), api.sandbox(&json!({})));
    let take = "import ctypes\nlibc = ctypes.CDLL(None)\ntaken = 0\nwhile taken < 5000 and libc.inotify_init1(0) >= 0: taken += 1\nprint(taken)";
    let run = |id: &str, code: &str| {
        let answer =
            api.toolbox("POST", id, "/process/code-run", Some(&json!({"code": code, "language": "python"})));
        answer.expect(200)["result"].as_str().unwrap().trim().parse::<u32>().unwrap()
    };
    greedy.output("nohup python3 -c 'import ctypes, time\nlibc = ctypes.CDLL(None)\nwhile libc.inotify_init1(0) >= 0: pass\nopen(\"/tmp/full\", \"w\").close()\ntime.sleep(600)' >/dev/null 2>&1 &\nfor i in $(seq 200); do test -e /tmp/full && exit 0; sleep 0.05; done; exit 1");
    assert_eq!(run(&greedy.id, take), 0, "the greedy one has used up its own");
    assert!(run(&modest.id, take) > 0, "and nobody else's");
}
