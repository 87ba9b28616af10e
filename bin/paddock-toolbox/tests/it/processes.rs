//! Reaping, and children in numbers.

use serde_json::json;

use crate::root::Root;
use crate::sandbox::{Sandbox, eventually};

/// How many processes of the sandbox are zombies, by its own `/proc`.
fn zombies(sandbox: &Sandbox) -> usize {
    let (_, output) = sandbox.execute("cat /proc/[0-9]*/stat 2>/dev/null");
    output.lines().filter(|line| line.contains(") Z ")).count()
}

#[test]
fn orphans_are_reaped() {
    let sandbox = Sandbox::ready(Root::with_programs(), &[]);
    let (code, _) =
        sandbox.execute("for i in 1 2 3 4 5 6 7 8; do (setsid sleep 0.05 &) > /dev/null 2>&1; done");
    assert_eq!(code, 0);
    eventually("all orphans have ended and been reaped", || {
        let (_, output) = sandbox.execute("cat /proc/[0-9]*/comm");
        (!output.contains("sleep")).then_some(())
    });
    assert_eq!(zombies(&sandbox), 0);
}

#[test]
fn thousands_of_orphans_never_take_the_status_of_a_child() {
    let sandbox = Sandbox::ready(Root::with_programs(), &[]);
    std::thread::scope(|scope| {
        // Each round leaves fifty orphans that end at once: the loop's shell ends before they do.
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..25 {
                    let orphans = "i=0; while [ $i -lt 50 ]; do (sh -c 'exit 99' &); i=$((i+1)); done";
                    let (code, _) = sandbox.execute(&format!(
                        "sh -c '{}' > /dev/null 2>&1; exit 33",
                        orphans.replace('\'', "'\\''")
                    ));
                    assert_eq!(code, 33);
                }
            });
        }
        for worker in 0..2_i64 {
            let mut client = sandbox.client();
            scope.spawn(move || {
                for round in 0..300 {
                    let code = (worker * 128 + round) % 256;
                    let request = json!({"command": format!("exit {code}")});
                    let answer = client.post_json("/process/execute", &request).ok(200);
                    assert_eq!(answer["exitCode"], code);
                }
            });
        }
    });
    eventually("all orphans have been reaped", || (zombies(&sandbox) == 0).then_some(()));
}

#[test]
fn children_are_not_protected_from_the_oom_killer_though_pid_1_is() {
    let sandbox = Sandbox::ready(Root::with_accounts(), &[("PADDOCK_USER", "daytona")]);
    // As the runner does, from outside. Where that is not allowed to the tests, any other value shows
    // as well that children get their own.
    let path = format!("/proc/{}/oom_score_adj", sandbox.init().as_raw_nonzero());
    let given = if std::fs::write(&path, "-900").is_ok() { "-900" } else { "500" };
    std::fs::write(&path, given).unwrap();
    let (_, output) = sandbox.execute("cat /proc/1/oom_score_adj /proc/self/oom_score_adj");
    assert_eq!(output, format!("{given}\n0\n"));
}

#[test]
fn descriptors_3_and_4_are_not_inherited() {
    let sandbox = Sandbox::ready(Root::with_programs(), &[]);
    let (_, output) = sandbox.execute("ls /proc/self/fd");
    // 3 is the directory that ls has open.
    assert_eq!(output, "0\n1\n2\n3\n");
    assert_eq!(sandbox.execute("readlink /proc/self/fd/0").1, "/dev/null\n");
}

#[test]
fn a_process_limit_that_is_used_up_fails_requests_and_not_the_daemon() {
    // A limit of its user stands in for the sandbox's cgroup: both make fork fail with EAGAIN.
    let sandbox = Sandbox::ready(Root::with_accounts(), &[("PADDOCK_USER", "daytona")]);
    let mut client = sandbox.client();
    limit_processes(&sandbox, 1);
    let refused =
        json!({"exitCode": -1, "result": "cannot start a process: resource temporarily unavailable"});
    assert_eq!(client.post_json("/process/execute", &json!({"command": "exit 0"})).ok(200), refused);
    let code = json!({"code": "1", "language": "python"});
    assert_eq!(client.post_json("/process/code-run", &code).ok(200), refused);
    // Files still work: no thread is made for them.
    assert_eq!(client.get("/files?path=/").status, 200);
    assert_eq!(client.request("POST", "/files/upload-v2?path=x", "", b"x").status, 200);
    assert_eq!(client.get("/files/download?path=x").body, b"x");
    limit_processes(&sandbox, 10_000);
    assert_eq!(client.post_json("/process/execute", &json!({"command": "exit 7"})).ok(200)["exitCode"], 7);
}

#[test]
fn a_fork_bomb_meets_its_limit_and_its_end() {
    let sandbox = Sandbox::ready(Root::with_accounts(), &[("PADDOCK_USER", "daytona")]);
    limit_processes(&sandbox, 60);
    std::thread::scope(|scope| {
        let bomb = scope.spawn(|| {
            // Its own shell forks once, while there is room, so that it is there until the end.
            let command = "sh -c 'bomb() { bomb | bomb & }; bomb' & exec sleep 100";
            let request = json!({"command": command, "timeout": 1});
            sandbox.client().post_json("/process/execute", &request)
        });
        let mut client = sandbox.client();
        while !bomb.is_finished() {
            assert_eq!(client.get("/files?path=/").status, 200);
            // It may or may not find a free place; the daemon answers either way.
            let answer = client.post_json("/process/execute", &json!({"command": "exit 0"})).ok(200);
            assert!(answer["exitCode"].is_i64(), "{answer}");
        }
        bomb.join().unwrap().error(408, "PROCESS_EXECUTION_TIMEOUT");
    });
    eventually("nothing of it is left", || {
        let (code, output) = sandbox.execute("cat /proc/[0-9]*/comm | grep -c ^sh$");
        // The shell of this command itself.
        (code == 0 && output == "1\n").then_some(())
    });
    assert_eq!(sandbox.execute("exit 7").0, 7);
}

/// Limits the processes of PID 1's user, as PID 1 counts them.
fn limit_processes(sandbox: &Sandbox, count: u64) {
    use rustix::process::{Resource, Rlimit, prlimit};
    let limit = Rlimit { current: Some(count), maximum: Some(10_000) };
    prlimit(Some(sandbox.init()), Resource::Nproc, limit).unwrap();
}
