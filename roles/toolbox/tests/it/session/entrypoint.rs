//! The session in which the image's own program runs.

use serde_json::json;

use crate::server::{Server, eventually};
use crate::websocket::Socket;

const NEWEST: &str = "X-Daytona-SDK-Version: 0.226.1\r\n";
const SESSION: &str = "/process/session/entrypoint";
const LOGS: &str = "/process/session/entrypoint/logs";

fn with(program: &[&str]) -> Server {
    Server::start_with(|config| config.entrypoint = Some(program.iter().map(Into::into).collect()))
}

#[test]
fn the_program_is_one_command_whose_end_ends_nothing_else() {
    let server = with(&["sh", "-c", "cat; echo out; echo err >&2; exit 7"]);
    let mut client = server.client();
    let session = eventually("it has ended", || {
        let session = client.get(SESSION).ok(200);
        session["commands"][0].get("exitCode").is_some().then_some(session)
    });
    assert_eq!(session["sessionId"], "entrypoint");
    assert_eq!(session["commands"].as_array().unwrap().len(), 1);
    assert_eq!(session["commands"][0]["exitCode"], 7);
    assert_eq!(session["commands"][0]["command"], "sh -c cat; echo out; echo err >&2; exit 7");
    let logs = client.request("GET", LOGS, NEWEST, b"").ok(200);
    assert_eq!((&logs["stdout"], &logs["stderr"]), (&json!("out\n"), &json!("err\n")));
    // It is not among the others.
    assert_eq!(client.get("/process/session").ok(200), json!([]));
    assert_eq!(client.get("/version").status, 200);
}

#[test]
fn its_logs_have_marks_for_everybody() {
    let server = with(&["sh", "-c", "echo out"]);
    let mut client = server.client();
    let ended = Socket::connect(&server.socket(), &format!("{LOGS}?follow=true"), &[]).unwrap().finish();
    assert_eq!((ended.bytes().as_slice(), ended.code), (&b"\x01\x01\x01out\n"[..], Some(1000)));
    for headers in ["", "X-Daytona-SDK-Version: 0.26.0\r\n"] {
        assert_eq!(client.request("GET", LOGS, headers, b"").body, b"\x01\x01\x01out\n");
    }
    let followed = client.request("GET", &format!("{LOGS}?follow=true"), "", b"");
    assert_eq!(followed.body, b"\x01\x01\x01out\n");
}

#[test]
fn without_a_program_the_session_idles() {
    let server = with(&[]);
    let mut client = server.client();
    let session = client.get(SESSION).ok(200);
    let commands = session["commands"].as_array().unwrap();
    assert_eq!((commands.len(), commands[0].get("exitCode")), (1, None));
    assert_eq!(client.request("GET", LOGS, NEWEST, b"").ok(200)["output"], "");
}

#[test]
fn a_program_that_is_not_there_has_a_shells_exit_code_and_says_why() {
    let server = with(&["/no/such/program"]);
    let mut client = server.client();
    eventually("it has failed", || {
        (client.get(SESSION).ok(200)["commands"][0]["exitCode"] == 127).then_some(())
    });
    let logs = client.request("GET", LOGS, NEWEST, b"").ok(200);
    assert!(logs["stderr"].as_str().unwrap().contains("not found"), "{logs}");
}

#[test]
fn a_toolbox_that_is_not_a_sandboxes_has_none() {
    let server = Server::start();
    server.client().get(SESSION).error(404, "NOT_FOUND");
    server.client().get(LOGS).error(404, "NOT_FOUND");
}
