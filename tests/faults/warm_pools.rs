//! Warm pools through crashes of the front: never too many, never one twice, and full again.

use std::collections::BTreeSet;
use std::time::Duration;

use paddock_tests::server::Server;
use paddock_tests::wait;
use serde_json::{Value, json};

const BACK: Duration = Duration::from_secs(30);
const SIZE: usize = 3;

fn try_get(server: &Server, path: &str) -> Option<Value> {
    server.api.try_get(path).filter(|answer| answer.status == 200).map(|answer| answer.body)
}

/// The members of the pool, when the server is there.
fn members(server: &Server) -> Option<BTreeSet<String>> {
    let all = try_get(server, "/sandbox?includeWarm=true&limit=200")?;
    let members = all["items"].as_array()?.iter().filter(|item| item["desiredState"] != "destroyed");
    let members = members.filter(|item| item["warmPoolId"].is_string());
    Some(members.filter_map(|item| item["id"].as_str().map(str::to_owned)).collect())
}

fn until_full(server: &Server) {
    wait::until("the pool to be full", BACK, || {
        assert!(members(server)?.len() <= SIZE, "more than its size");
        (try_get(server, "/warm-pools")?[0]["currentSize"] == SIZE).then_some(())
    });
}

#[test]
fn a_front_killed_while_it_fills_a_pool_or_hands_out_of_it_does_neither_twice() {
    let server = Server::start(&[]);
    server.arm("control.create.after_wish", "kill");
    server.api.post("/warm-pools", &json!({"snapshot": "paddock-small", "pool": SIZE})).expect(201);
    for point in ["control.create.after_wish", "control.create.before_record", "control.create.after_record"]
    {
        if point != "control.create.after_wish" {
            // Another place becomes free: somebody is handed out.
            server.arm(point, "kill");
            let api = server.api.clone();
            let url = format!("{}/sandbox", api.api_url);
            drop(api.try_send("POST", &url, Some(&json!({"name": point}))));
        }
        wait::until(&format!("{point} is hit"), BACK, || server.was_hit(point).then_some(()));
        until_full(&server);
    }
    // The answer of a claim is lost with the process: the sandbox is its owner's all the same, and the place is filled.
    let before = members(&server).unwrap();
    server.arm("control.create.after_request", "kill");
    let url = format!("{}/sandbox", server.api.api_url);
    assert!(server.api.try_send("POST", &url, Some(&json!({"name": "mine"}))).is_none(), "nobody answered");
    assert!(server.was_hit("control.create.after_request"));
    server.api.wait_for_state("mine", "started", BACK);
    let mine = server.api.get("/sandbox/mine").expect(200)["id"].as_str().unwrap().to_owned();
    assert!(before.contains(&mine), "it waited in the pool");
    until_full(&server);
    assert!(!members(&server).unwrap().contains(&mine));
    let id = server.api.get("/warm-pools").expect(200)[0]["id"].as_str().unwrap().to_owned();
    server.api.send("DELETE", &format!("/warm-pools/{id}"), None).expect(204);
    wait::until("its members to go", BACK, || members(&server)?.is_empty().then_some(()));
    assert_eq!(server.api.state("mine").as_deref(), Some("started"));
}
