//! Builds: ended in the middle, wanted no more, and hostile.

use std::fs;
use std::time::{Duration, Instant};

use paddock_testkit::registry::Registry;
use paddock_tests::server::Server;
use paddock_tests::wait;
use serde_json::{Value, json};

const BUILT: Duration = Duration::from_secs(90);
const GONE: Duration = Duration::from_secs(30);

/// A server of the test's own that finds the test's images under their public names.
fn start() -> (Registry, Server) {
    let registry = Registry::shared();
    let (mirrors, hub) = registry.as_mirror_of_hub();
    let server = Server::start(&[(mirrors, &hub), ("PADDOCK_IMAGES_MIRRORS_ONLY", "yes")]);
    (registry, server)
}

fn build(server: &Server, dockerfile: &str) -> String {
    let body = json!({"buildInfo": {"dockerfileContent": dockerfile}});
    server.api.post("/sandbox", &body).expect(200)["id"].as_str().unwrap().to_owned()
}

fn log(server: &Server, id: &str) -> String {
    let answer = server.api.try_get(&format!("/sandbox/{id}/build-logs"));
    answer.map_or_else(String::new, |answer| match answer.body {
        Value::String(text) => text,
        other => other.to_string(),
    })
}

/// Waits until the build has said `words`.
fn until_said(server: &Server, id: &str, words: &str) {
    wait::until(&format!("the build to say {words}"), BUILT, || {
        log(server, id).contains(words).then_some(())
    });
}

/// The sandboxes that the host has, those of builds among them.
fn on_host(server: &Server) -> Vec<String> {
    let entries = fs::read_dir(server.data.join("runner/journal")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names
        .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
        .filter(|name| name.len() == 36)
        .collect()
}

/// Waits until no sandbox is on the host but these.
fn until_alone(server: &Server, known: &[&str]) {
    wait::until("the builds' sandboxes to be gone", GONE, || {
        on_host(server).iter().all(|id| known.contains(&id.as_str())).then_some(())
    });
}

#[test]
fn a_build_goes_on_where_it_was_whoever_is_killed() {
    let (_registry, server) = start();
    for (round, victims) in [&["front"][..], &["runner"], &["front", "runner"]].into_iter().enumerate() {
        // The second step holds until it is let go on: nothing depends on how fast anything is.
        let dockerfile = format!(
            "FROM debian:12-slim\nRUN echo first-{round} > /first && cat /first\n\
             RUN echo held-{round} && n=0; while [ $n -lt 30 ]; do n=$((n+1)); sleep 0.1; done; echo second > /second\n"
        );
        let id = build(&server, &dockerfile);
        until_said(&server, &id, &format!("held-{round}\n"));
        victims.iter().for_each(|role| server.kill_role(role));
        server.api.wait_for_state(&id, "started", BUILT);
        let run = |command: &str| {
            let body = json!({"command": command});
            server.api.toolbox("POST", &id, "/process/execute", Some(&body)).expect(200)["result"].clone()
        };
        assert_eq!(run("cat /first /second"), json!(format!("first-{round}\nsecond\n")), "{victims:?}");
        if victims.contains(&"front") {
            let log = log(&server, &id);
            assert!(log.contains("(as before)"), "the first step is done once: {log}");
        }
        until_alone(&server, &[&id]);
        server.api.send("DELETE", &format!("/sandbox/{id}"), None).expect(200);
    }
}

#[test]
fn what_nobody_wants_any_more_is_ended_and_leaves_nothing() {
    let (_registry, server) = start();
    let endless = "FROM debian:12-slim\nRUN echo begun; sleep 100000\n";
    let sandbox = build(&server, endless);
    until_said(&server, &sandbox, "begun");
    // Another one who wants the same waits for the same build.
    let other = build(&server, endless);
    server.api.wait_for_state(&other, "building_snapshot", BUILT);
    assert_eq!(on_host(&server).len(), 1, "two equal builds are one");
    server.api.send("DELETE", &format!("/sandbox/{sandbox}"), None).expect(200);
    server.api.wait_for_state(&sandbox, "absent", GONE);
    assert_eq!(on_host(&server).len(), 1, "somebody still wants it");
    server.api.send("DELETE", &format!("/sandbox/{other}"), None).expect(200);
    until_alone(&server, &[]);
    // A new one begins anew.
    let again = build(&server, endless);
    until_said(&server, &again, "begun");
    server.api.send("DELETE", &format!("/sandbox/{again}"), None).expect(200);
    until_alone(&server, &[]);
}

#[test]
fn a_hostile_step_ends_its_own_build_and_nothing_else() {
    let (_registry, server) = start();
    let neighbour = server.api.sandbox(&json!({}));
    for (dockerfile, words) in [
        // More processes, and more memory, than a sandbox may have.
        ("FROM debian:12-slim\nRUN for i in $(seq 100000); do sleep 1000 & done; exit 5\n", "non-zero code"),
        ("FROM debian:12-slim\nRUN python3 -c 'x = bytearray(64 << 30)'\n", "non-zero code: 1"),
        // The host, its neighbours and the metadata service are not there.
        (
            "FROM debian:12-slim\nRUN timeout 5 python3 -c \"import socket; socket.create_connection(('169.254.169.254', 80), 3)\"\n",
            "non-zero code",
        ),
        ("FROM debian:12-slim\nRUN mount -t tmpfs none /mnt\n", "non-zero code"),
        ("FROM debian:12-slim\nRUN kill -9 1; kill -9 -1; exit 6\n", "non-zero code: 6"),
        ("FROM debian:12-slim\nCOPY --from=debian:12-slim /proc/1/environ /x\n", "not found"),
    ] {
        let begun = Instant::now();
        let id = build(&server, dockerfile);
        let reason = wait::until(&format!("{dockerfile} to fail"), BUILT, || {
            let shown = server.api.try_get(&format!("/sandbox/{id}"))?.body;
            assert_ne!(shown["state"], "started", "{dockerfile}");
            (shown["state"] == "build_failed").then(|| shown["errorReason"].as_str().unwrap().to_owned())
        });
        assert!(reason.contains(words), "{dockerfile}: {reason} after {:?}", begun.elapsed());
        server.api.send("DELETE", &format!("/sandbox/{id}"), None).expect(200);
    }
    assert_eq!(neighbour.output("echo well"), "well");
    until_alone(&server, &[&neighbour.id]);
}
