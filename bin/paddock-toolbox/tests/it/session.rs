//! The entrypoint, sessions and terminals of a sandbox.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::client::Client;
use crate::root::Root;
use crate::sandbox::{Sandbox, eventually};

const NEWEST: &str = "X-Daytona-SDK-Version: 0.226.1\r\n";

fn exec(client: &mut Client, command: &str) -> Value {
    let body = json!({"command": command}).to_string();
    client.request("POST", "/process/session/s/exec", NEWEST, body.as_bytes()).ok(200)
}

fn create(client: &mut Client) {
    client.post_json("/process/session", &json!({"sessionId": "s"})).ok(201);
}

#[test]
fn the_images_program_runs_as_the_sandboxs_user_and_its_end_is_not_the_sandboxs() {
    let program = "-- sh -c 'id -u; pwd; cat; echo \"$1\"; exit 7' sh 'two words'";
    let variables = [("PADDOCK_USER", "daytona"), ("PADDOCK_WORKDIR", "/tmp")];
    let mut sandbox = Sandbox::start_with(Root::with_accounts(), &variables, program);
    sandbox.reported();
    let mut client = sandbox.client();
    let command = eventually("it has ended", || {
        let session = client.get("/process/session/entrypoint").ok(200);
        Some(session["commands"][0].clone()).filter(|command| command.get("exitCode").is_some())
    });
    assert_eq!(command["exitCode"], 7);
    let logs = client.request("GET", "/process/session/entrypoint/logs", NEWEST, b"").ok(200);
    assert_eq!(logs["stdout"], "1000\n/tmp\ntwo words\n");
    assert_eq!(sandbox.execute("echo alive").1, "alive\n");
    // Nothing of it lies about.
    assert_eq!(sandbox.execute("ls -A ~/.daytona/sessions").1, "");
}

#[test]
fn without_a_program_the_entrypoints_session_costs_no_process() {
    let sandbox = Sandbox::ready(Root::with_accounts(), &[]);
    let session = sandbox.client().get("/process/session/entrypoint").ok(200);
    assert_eq!(session["commands"].as_array().unwrap().len(), 1);
    assert_eq!(session["commands"][0].get("exitCode"), None);
    assert_eq!(sandbox.proc(&format!("task/{}/children", sandbox.init().as_raw_nonzero())), "");
}

#[test]
fn a_session_of_an_ordinary_user_works_and_leaves_no_orphan() {
    let sandbox = Sandbox::ready(Root::with_accounts(), &[("PADDOCK_USER", "daytona")]);
    let mut client = sandbox.client();
    create(&mut client);
    assert_eq!(exec(&mut client, "id -u; cd /; X=1")["stdout"], "1000\n");
    assert_eq!(exec(&mut client, "echo $X $PWD; (sleep 0.05 &); (exit 4)")["exitCode"], 4);
    assert_eq!(exec(&mut client, "echo $X $PWD")["stdout"], "1 /\n");
    exec(&mut client, "(sleep 300 &); setsid sleep 300 & sleep 300 &");
    client.request("DELETE", "/process/session/s", "", b"").ok(204);
    // Reaped, too.
    assert_eq!(sandbox.execute("cat /proc/[0-9]*/stat 2>/dev/null | grep -c '(sleep)'").1, "0\n");
}

#[test]
fn files_of_an_earlier_daemon_are_cleared_away_with_the_first_session() {
    let root = Root::with_accounts();
    root.write("root/.daytona/sessions/0123456789abcdef/1.log", "old", 0o600);
    let sandbox = Sandbox::ready(root, &[]);
    let mut client = sandbox.client();
    create(&mut client);
    exec(&mut client, "echo x");
    assert_eq!(sandbox.execute("ls /root/.daytona/sessions | wc -l").1, "1\n");
    assert_eq!(sandbox.execute("ls /root/.daytona/sessions/0123456789abcdef").0, 2);
}

#[test]
fn where_nothing_can_be_written_sessions_still_work() {
    let mut root = Root::with_accounts();
    let path = root.path().display().to_string();
    root.mounts = format!("mount --bind {path} {path} && mount -o remount,bind,ro {path} && {}", root.mounts);
    let sandbox = Sandbox::ready(root, &[("PADDOCK_USER", "daytona")]);
    assert_ne!(sandbox.execute("touch ~/x /tmp/x /dev/shm/x").0, 0);
    let mut client = sandbox.client();
    create(&mut client);
    assert_eq!(exec(&mut client, "X=kept; echo out; echo err >&2")["stderr"], "err\n");
    assert_eq!(exec(&mut client, "echo $X; cat; return 5")["stdout"], "kept\n");
    assert_eq!(exec(&mut client, "if")["exitCode"], 2);
    assert_eq!(exec(&mut client, "echo alive")["stdout"], "alive\n");
}

#[test]
fn a_stop_ends_sessions_and_terminals_at_once() {
    let mut root = Root::with_accounts();
    let dev = root.path().join("dev").display().to_string();
    std::fs::create_dir(format!("{dev}/pts")).unwrap();
    std::os::unix::fs::symlink("pts/ptmx", format!("{dev}/ptmx")).unwrap();
    root.mounts += &format!(" && mount -t devpts -o newinstance,ptmxmode=0666 devpts {dev}/pts");
    let mut sandbox = Sandbox::ready(root, &[("PADDOCK_USER", "daytona")]);
    let mut client = sandbox.client();
    create(&mut client);
    client.post_json("/process/pty", &json!({"id": "p"})).ok(201);
    assert_eq!(client.get("/process/pty/p").ok(200)["active"], true);
    let started = std::time::Instant::now();
    sandbox.signal(Signal::TERM);
    assert_eq!(sandbox.ended().code(), Some(0));
    assert!(started.elapsed() < std::time::Duration::from_secs(4), "it took the whole grace period");
}
