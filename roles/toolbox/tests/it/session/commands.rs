//! What commands do to their shell, and what comes back.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Session, demultiplex};
use crate::client::Client;
use crate::server::{Server, eventually};

#[test]
fn the_three_forms_of_an_answer_go_by_the_clients_version() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let command = "echo out; sleep 0.02; echo err >&2";
    let newest = session.exec(command);
    assert_eq!((&newest["stdout"], &newest["stderr"]), (&json!("out\n"), &json!("err\n")));
    assert_eq!(newest["output"], "\u{1}\u{1}\u{1}out\n\u{2}\u{2}\u{2}err\n");
    assert_eq!(newest["exitCode"], 0);
    assert!(uuid::Uuid::parse_str(newest["cmdId"].as_str().unwrap()).is_ok());
    let mut as_version = |headers: &str| {
        let body = json!({"command": command}).to_string();
        let path = session.path("/exec");
        session.client.request("POST", &path, headers, body.as_bytes()).ok(200)
    };
    let labelled = as_version("X-Daytona-SDK-Version: 0.100.0\r\n");
    assert_eq!(labelled["output"], newest["output"]);
    assert_eq!((labelled.get("stdout"), labelled.get("stderr")), (None, None));
    for headers in ["", "X-Daytona-SDK-Version: 0.26.0\r\n"] {
        let combined = as_version(headers);
        assert_eq!(combined["output"], "out\nerr\n");
        assert_eq!(combined.get("stdout"), None);
    }
}

#[test]
fn a_synchronous_command_reads_nothing_and_finds_no_descriptor_of_ours() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    assert_eq!(session.stdout("cat; readlink /proc/self/fd/0; ls /proc/self/fd | wc -l"), "/dev/null\n4\n");
    assert_eq!(session.stdout("bash -c 'ls /proc/self/fd' | wc -l"), "4\n");
}

#[test]
fn every_byte_is_kept_and_text_has_marks_for_what_is_no_text() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let result = session.exec(r"printf 'a\000b\377\r\n'; printf 'no newline'");
    assert_eq!(result["stdout"], "a\u{0}b\u{FFFD}\r\nno newline");
    let id = result["cmdId"].as_str().unwrap().to_owned();
    let ended = session.follow(&id, &[]).finish();
    assert_eq!(ended.bytes(), b"\x01\x01\x01a\0b\xff\r\nno newline");
}

#[test]
fn a_command_of_a_megabyte_runs() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let padding = "# padding\n".repeat(110_000);
    let script = format!("x=1\n{padding}echo $x $LINENO\nexit_code() {{ return 3; }}\nexit_code");
    let result = session.exec(&script);
    assert_eq!((&result["stdout"], &result["exitCode"]), (&json!("1 110002\n"), &json!(3)));
}

#[test]
fn line_ends_of_another_system_are_a_commands_own_affair() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    assert_eq!(session.stdout("echo a\r\necho b\r\n"), "a\r\nb\r\n");
    let result = session.exec("if true\r\nthen echo x\r\nfi\r\n");
    assert_ne!(result["exitCode"], 0, "{result}");
    assert_eq!(session.stdout("echo alive"), "alive\n");
}

#[test]
fn blank_commands_and_those_with_a_nul_are_refused() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    for bad in ["", " \n\t", "echo a\0b"] {
        session.post("/exec", &json!({"command": bad})).error(400, "BAD_REQUEST");
    }
    session.post("/exec", &json!({})).error(400, "INVALID_REQUEST_BODY");
    let none = session.client.post_json("/process/session/none/exec", &json!({"command": "true"}));
    none.error(404, "NOT_FOUND");
}

#[test]
fn a_background_job_does_not_hold_the_answer_back_and_is_still_logged() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let started = Instant::now();
    let result = session.exec("(while ! test -e go; do sleep 0.01; done; echo late; sleep 300) & echo early");
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!((&result["stdout"], &result["exitCode"]), (&json!("early\n"), &json!(0)));
    let id = result["cmdId"].as_str().unwrap().to_owned();
    // The follower of a command that has ended does not wait for what was left behind.
    assert_eq!(session.follow(&id, &[]).finish().code, Some(1000));
    // Another command's output is its own, whatever the job writes meanwhile.
    server.write("go", "");
    eventually("what the job writes is in its command's log", || {
        (session.logs(&id)["stdout"] == "early\nlate\n").then_some(())
    });
    assert_eq!(session.stdout("echo other"), "other\n");
    session.delete();
}

#[test]
fn a_job_that_floods_does_not_hold_the_answer_back() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let result = session.exec("yes & echo $! > job; sleep 0.1; echo done >&2");
    assert_eq!((&result["stderr"], &result["exitCode"]), (&json!("done\n"), &json!(0)));
    assert_eq!(session.exec("kill $(cat job); wait; true")["exitCode"], 0);
    session.delete();
}

#[test]
fn commands_take_turns_in_the_order_in_which_they_came() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let ids: Vec<_> = (0..20).map(|n| session.start(&format!("echo {n} >> order"))).collect();
    assert_eq!(
        session.stdout("cat order | tr '\\n' ' '"),
        (0..20).map(|n| format!("{n} ")).collect::<String>()
    );
    for id in ids {
        assert_eq!(session.wait(&id), 0);
    }
}

#[test]
fn a_client_that_goes_away_does_not_stop_its_command() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let body =
        json!({"command": "echo x > began; while ! test -e go; do :; done; echo done > done"}).to_string();
    let mut client: Client = server.client();
    let headers = format!("Content-Length: {}\r\n", body.len());
    client.send("POST", &session.path("/exec"), &headers, body.as_bytes());
    eventually("it runs", || server.path("began").exists().then_some(()));
    drop(client);
    server.write("go", "");
    assert_eq!(session.stdout("cat done"), "done\n");
}

#[test]
fn the_exit_code_is_told_when_all_output_is_in_the_log() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    for _ in 0..20 {
        let id = session.start("head -c 300000 /dev/zero | tr '\\0' a; echo end >&2");
        session.wait(&id);
        let logs = session.logs(&id);
        assert_eq!(logs["stdout"].as_str().unwrap().len(), 300_000);
        assert_eq!(logs["stderr"], "end\n");
    }
}

#[test]
fn a_long_answer_is_the_same_as_a_short_one_in_all_its_forms() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let result = session.exec("i=0; while [ $i -lt 20000 ]; do echo \"é$i\"; i=$((i+1)); done; echo e >&2");
    let expected: String = (0..20_000).map(|n| format!("é{n}\n")).collect();
    assert_eq!(result["stdout"], expected);
    assert_eq!(result["stderr"], "e\n");
    let output = result["output"].as_str().unwrap();
    assert_eq!(demultiplex(output.as_bytes()), (expected, "e\n".to_owned()));
}
