//! `POST /env`.

use serde_json::json;

use crate::server::Server;

fn server() -> Server {
    Server::start_with(|config| {
        for (name, value) in [("KEEP", "1"), ("DROP", "2"), ("SECRET", "dtn:abc"), ("OTHER", "dtn:def")] {
            config.environment.set(name, value);
        }
    })
}

const SHOW: &str = "echo \"$KEEP|$DROP|$SECRET|$OTHER|$NEW\"";

#[test]
fn later_processes_inherit_the_change_and_running_shells_do_not() {
    let server = server();
    let mut client = server.client();
    client.post_json("/process/session", &json!({"sessionId": "old"})).ok(201);
    let change = json!({"unset": ["DROP", "NONE"], "unsetValuePrefix": "dtn:", "set": {"NEW": "a b", "SECRET": "dtn:new"}});
    let answer = client.post_json("/env", &change).ok(200);
    assert!(answer.as_object().unwrap().values().all(serde_json::Value::is_string), "{answer}");
    let run = json!({"command": SHOW});
    assert_eq!(client.post_json("/process/execute", &run).ok(200)["result"], "1||dtn:new||a b\n");
    let old = client.post_json("/process/session/old/exec", &run).ok(200);
    assert_eq!(old["output"], "1|2|dtn:abc|dtn:def|\n");
    client.post_json("/process/session", &json!({"sessionId": "new"})).ok(201);
    let new = client.post_json("/process/session/new/exec", &run).ok(200);
    assert_eq!(new["output"], "1||dtn:new||a b\n");
}

#[test]
fn it_is_unset_first_and_set_last() {
    let server = server();
    let change = json!({"unset": ["KEEP"], "set": {"KEEP": "again"}, "unsetValuePrefix": "again"});
    server.client().post_json("/env", &change).ok(200);
    let run = json!({"command": SHOW});
    assert_eq!(
        server.client().post_json("/process/execute", &run).ok(200)["result"],
        "again|2|dtn:abc|dtn:def|\n"
    );
}

#[test]
fn nothing_is_changed_by_a_request_that_is_refused_or_empty() {
    let server = server();
    let mut client = server.client();
    for bad in [
        json!({"set": {"A-B": "x", "KEEP": "changed"}}),
        json!({"set": {"": "x"}}),
        json!({"unset": ["KEEP", "A="]}),
        json!({"set": {"KEEP": "nul\u{0}"}}),
    ] {
        client.post_json("/env", &bad).error(400, "BAD_REQUEST");
    }
    client.post_json("/env", &json!({"set": {"A": 1}})).error(400, "INVALID_REQUEST_BODY");
    for empty in [json!({}), json!({"set": null, "unset": [], "unsetValuePrefix": ""})] {
        client.post_json("/env", &empty).ok(200);
    }
    let run = json!({"command": SHOW});
    assert_eq!(client.post_json("/process/execute", &run).ok(200)["result"], "1|2|dtn:abc|dtn:def|\n");
}
