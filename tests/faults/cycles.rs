//! The same again and again: what a sandbox holds is the same after every stop and every archive.
//!
//! `PADDOCK_CYCLES=<n>` does it more often, as `make soak` does.

use std::time::Duration;

use paddock_tests::api::Sandbox;
use paddock_tests::server::Server;
use serde_json::json;

/// How often.
const CYCLES: usize = 50;
const SETTLE: Duration = Duration::from_secs(30);

fn cycles() -> usize {
    std::env::var("PADDOCK_CYCLES").map_or(CYCLES, |cycles| cycles.parse().unwrap())
}

/// Files of every kind, some of which change in each cycle.
const FILL: &str = "mkdir -p ~/tree/a/b && head -c 3000000 /dev/urandom > ~/tree/big && ln ~/tree/big ~/tree/a/linked \
                    && ln -s ../big ~/tree/a/points && truncate -s 50M ~/tree/sparse && chmod 4711 ~/tree/a \
                    && sudo rm -f /etc/motd /etc/issue.net && sudo setcap cap_net_raw+ep ~/tree/big 2>/dev/null; \
                    touch -d 2001-02-03 ~/tree/old";
const SUM: &str = "cd / && (find home/daytona/tree -printf '%p %m %U %G %s %T@ %l %n\\n' | sort; \
                   find home/daytona/tree -type f | sort | xargs sha256sum; test -e /etc/motd; echo $?) | sha256sum";

fn filled(server: &Server) -> (Sandbox, String) {
    let sandbox = server.api.sandbox(&json!({"autoStopInterval": 0}));
    sandbox.run(FILL);
    let sum = sandbox.output(SUM);
    (sandbox, sum)
}

#[expect(clippy::print_stdout, reason = "a long run reports what it did")]
fn report(kind: &str) {
    println!("{} {kind}, each with the same sum of all files before and after", cycles());
}

fn ask(sandbox: &Sandbox, verb: &str, state: &str) {
    sandbox.api.post(&format!("/sandbox/{}/{verb}", sandbox.id), &json!({})).expect(200);
    sandbox.api.wait_for_state(&sandbox.id, state, SETTLE);
}

#[test]
fn stopped_and_started_again_and_again_it_holds_what_it_held() {
    let server = Server::shared();
    let (sandbox, mut sum) = filled(server);
    for cycle in 0..cycles() {
        ask(&sandbox, "stop", "stopped");
        ask(&sandbox, "start", "started");
        assert_eq!(sandbox.output(SUM), sum, "after cycle {cycle}");
        sandbox.output(&format!("echo {cycle} >> ~/tree/grows; date +%N > ~/tree/a/b/{cycle}"));
        sum = sandbox.output(SUM);
    }
    report("stops and starts");
}

#[test]
fn archived_and_restored_again_and_again_it_holds_what_it_held() {
    let server = Server::shared();
    let (sandbox, mut sum) = filled(server);
    for cycle in 0..cycles() {
        ask(&sandbox, "stop", "stopped");
        ask(&sandbox, "archive", "archived");
        ask(&sandbox, "start", "started");
        assert_eq!(sandbox.output(SUM), sum, "after cycle {cycle}");
        sandbox.output(&format!("echo {cycle} >> ~/tree/grows; date +%N > ~/tree/a/b/{cycle}"));
        sum = sandbox.output(SUM);
    }
    report("archives and restorations");
}
