//! Whole processes killed while sandboxes run.

use std::time::Duration;

use paddock_tests::server::Server;
use paddock_tests::wait;
use serde_json::json;

const BACK: Duration = Duration::from_secs(20);

#[test]
fn sandboxes_run_on_through_the_death_of_every_process_and_of_all_at_once() {
    let mut server = Server::start(&[]);
    let mut sandbox = server.api.sandbox(&json!({}));
    sandbox.output("nohup sleep 100000 >/dev/null 2>&1 & echo $! > /tmp/pid");
    let process = "cat /proc/$(cat /tmp/pid)/stat | cut -d' ' -f1,22";
    let before = sandbox.output(process);
    let id = sandbox.id.clone();
    let answers = |server: &Server| {
        wait::until("the sandbox answers again", BACK, || {
            let body = json!({"command": process});
            let url = format!("{}/toolbox/{}/process/execute", server.api.proxy_url, id);
            let answer = server.api.try_send("POST", &url, Some(&body))?;
            (answer.status == 200).then(|| answer.body["result"].as_str().unwrap().trim().to_owned())
        })
    };
    for role in ["front", "runner"] {
        let old = server.role(role);
        server.kill_role(role);
        wait::until("it is started again", BACK, || server.role(role).filter(|new| Some(*new) != old));
        assert_eq!(answers(&server), before, "{role}");
    }
    server.kill_all();
    server.boot();
    assert_eq!(answers(&server), before, "everything at once");
    assert_eq!(server.api.state(&sandbox.id).as_deref(), Some("started"));
    // And what is new works too.
    let another = server.api.sandbox(&json!({}));
    assert_eq!(another.output("echo fine"), "fine");
    let api = server.api.clone();
    sandbox.api = api.clone();
    drop((sandbox, another));
    wait::until("all are gone", BACK, || {
        api.get("/sandbox").expect(200)["items"].as_array().unwrap().is_empty().then_some(())
    });
}

#[test]
fn a_sandbox_whose_first_process_is_ended_from_inside_stops_with_a_reason_and_starts_again() {
    let server = Server::start(&[]);
    let sandbox = server.api.sandbox(&json!({}));
    sandbox.output("echo kept > ~/kept");
    let url = format!("{}/toolbox/{}/process/execute", server.api.proxy_url, sandbox.id);
    let _ =
        server.api.try_send("POST", &url, Some(&json!({"command": "sudo kill -KILL 1; sudo kill -TERM 1"})));
    server.api.wait_for_state(&sandbox.id, "stopped", BACK);
    let shown = server.api.get(&format!("/sandbox/{}", sandbox.id)).expect(200);
    let reason = shown["errorReason"].as_str().unwrap_or_default();
    assert!(reason.contains("ended"), "{shown}");
    server.api.post(&format!("/sandbox/{}/start", sandbox.id), &json!({})).expect(200);
    server.api.wait_for_state(&sandbox.id, "started", BACK);
    assert_eq!(sandbox.output("cat ~/kept"), "kept");
}

#[test]
fn a_client_that_goes_away_during_create_still_has_its_sandbox() {
    use std::io::Write;
    let server = Server::start(&[]);
    let address = server.api.api_url.trim_start_matches("http://").split('/').next().unwrap().to_owned();
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    let body = r#"{"name":"left-alone"}"#;
    write!(
        stream,
        "POST /api/sandbox HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        server.api.key,
        body.len()
    )
    .unwrap();
    wait::until("the create is known", BACK, || (server.api.state("left-alone")? != "absent").then_some(()));
    drop(stream);
    server.api.wait_for_state("left-alone", "started", BACK);
}
