//! Nothing is left on the host, and the look that says so sees what is planted.

use std::process::Command;

use paddock_tests::leftovers::Inventory;
use paddock_tests::server::Server;
use paddock_tests::wait;
use serde_json::json;

fn ours(server: &Server, inventory: &Inventory) -> Vec<String> {
    inventory.lines().filter(|line| line.contains(&server.instance)).map(str::to_owned).collect()
}

#[test]
fn a_server_that_was_reset_leaves_nothing_on_the_host() {
    let before = Inventory::take();
    let mut server = Server::start(&[]);
    let sandbox = server.api.sandbox(&json!({}));
    sandbox.output("echo x > ~/x");
    let during = Inventory::take();
    for kind in ["mount", "control group", "rules", "loop device", "process"] {
        assert!(during.since(&before).iter().any(|line| line.starts_with(kind)), "the look sees a {kind}");
    }
    // One sandbox is running and one is stopped when it happens, and the server is not asked to stop them.
    let stopped = server.api.sandbox(&json!({}));
    server.api.post(&format!("/sandbox/{}/stop", stopped.id), &json!({})).expect(200);
    server.stop_and_reset();
    // Other tests' servers come and go meanwhile.
    let table = server.instance.replace('-', "_");
    let after = Inventory::take();
    let ours = |line: &String| line.contains(&server.instance) || line.contains(&table);
    let left: Vec<String> = after.since(&before).into_iter().filter(ours).collect();
    assert!(left.is_empty(), "{left:#?}");
    assert!(!server.data.exists());
    std::fs::create_dir_all(&server.data).unwrap();
}

#[test]
fn a_planted_leftover_is_seen() {
    let server = Server::start(&[]);
    let before = ours(&server, &Inventory::take());
    let table = format!("paddock_planted_{}", server.instance.replace('-', "_"));
    let planted = Command::new("nft").args(["add", "table", "inet", &table]).status().unwrap();
    assert!(planted.success());
    let seen = Inventory::take();
    let removed = Command::new("nft").args(["delete", "table", "inet", &table]).status().unwrap();
    assert!(removed.success());
    assert!(seen.lines().any(|line| line.contains(&table)));
    assert!(!before.iter().any(|line| line.contains(&table)));
}

#[test]
fn what_a_crash_left_is_removed_at_the_next_start_and_files_are_never_removed() {
    let mut server = Server::start(&[]);
    let mut sandbox = server.api.sandbox(&json!({}));
    sandbox.output("echo precious > ~/precious");
    server.kill_all();
    // As a crash between two steps would leave them: a control group, a lease, a socket that nobody owns.
    let stranger = "00000000-0000-4000-8000-000000000001";
    let group = ["memory", "."]
        .iter()
        .map(|controller| format!("/sys/fs/cgroup/{controller}/paddock-{}/{stranger}", server.instance))
        .find(|path| std::fs::create_dir(path).is_ok())
        .unwrap();
    let socket = server.data.join("runner/toolbox").join(stranger);
    std::fs::write(&socket, "").unwrap();
    let lease = std::path::Path::new("/run/paddock/ids/4000");
    std::os::unix::fs::symlink(server.data.join("runner"), lease).unwrap();
    server.boot();
    sandbox.api = server.api.clone();
    wait::until("the stray things are gone", std::time::Duration::from_secs(10), || {
        let gone =
            !std::path::Path::new(&group).exists() && !socket.exists() && std::fs::read_link(lease).is_err();
        gone.then_some(())
    });
    assert_eq!(sandbox.output("cat ~/precious"), "precious");
}
