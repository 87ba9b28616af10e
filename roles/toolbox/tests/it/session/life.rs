//! Sessions come, are listed, and go.

use std::time::{Duration, Instant};

use serde_json::json;

use super::Session;
use crate::server::{Server, eventually, is_running};

#[test]
fn a_session_is_made_once_listed_and_deleted() {
    let server = Server::start();
    let mut first = Session::create(&server, "first");
    let mut second = Session::create(&server, "second");
    let message =
        first.client.post_json("/process/session", &json!({"sessionId": "first"})).error(409, "CONFLICT");
    assert!(message.contains("session already exists"), "{message}");
    let listed = first.client.get("/process/session").ok(200);
    assert_eq!(
        listed,
        json!([{"sessionId": "first", "commands": []}, {"sessionId": "second", "commands": []}])
    );
    second.delete();
    second.get("").error(404, "NOT_FOUND");
    let path = second.path("");
    second.client.request("DELETE", &path, "", b"").error(404, "NOT_FOUND");
    assert_eq!(first.client.get("/process/session").ok(200)[0]["sessionId"], "first");
    // The id is free again.
    Session::create(&server, "second").delete();
}

#[test]
fn an_id_is_needed_and_the_entrypoints_is_taken() {
    let server = Server::start();
    let mut client = server.client();
    for body in [json!({}), json!({"sessionId": ""}), json!({"sessionId": null})] {
        client.post_json("/process/session", &body).error(400, "BAD_REQUEST");
    }
    client.post_json("/process/session", &json!({"sessionId": "entrypoint"})).error(400, "BAD_REQUEST");
    client.request("DELETE", "/process/session/entrypoint", "", b"").error(400, "BAD_REQUEST");
    let exec = client.post_json("/process/session/entrypoint/exec", &json!({"command": "true"}));
    exec.error(400, "BAD_REQUEST");
    let input = "/process/session/entrypoint/command/entrypoint_command/input";
    client.post_json(input, &json!({"data": "x"})).error(400, "BAD_REQUEST");
}

#[test]
fn an_id_may_be_any_text_and_names_no_file() {
    let server = Server::start();
    for id in ["../../../etc/passwd", "a b/c%2f?#", "日本\n", "'; touch pwned; '", &"x".repeat(5000)] {
        let mut session = Session::create(&server, id);
        assert_eq!(session.stdout("echo x"), "x\n");
        assert_eq!(session.get("").ok(200)["sessionId"], id);
        session.delete();
    }
    assert_eq!(server.names(), [""; 0]);
    assert_eq!(server.session_files(), 0);
}

#[test]
fn commands_are_listed_in_order_with_their_exit_codes() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    session.exec("true");
    session.exec("(exit 4)");
    let running = session.start("sleep 60");
    let listed = session.get("").ok(200);
    let commands = listed["commands"].as_array().unwrap();
    assert_eq!(commands[0]["command"], "true");
    assert_eq!((&commands[0]["exitCode"], &commands[1]["exitCode"]), (&json!(0), &json!(4)));
    assert_eq!(commands[2], json!({"id": running, "command": "sleep 60"}));
    session.get("/command/none").error(404, "NOT_FOUND");
    session.delete();
}

#[test]
fn a_session_whose_shell_exits_gives_its_answer_and_takes_no_more() {
    let server = Server::start();
    for (command, code) in [("echo x; exit 3", 3), ("echo x; kill -9 $$", 137), ("echo x; exec false", 1)] {
        let mut session = Session::create(&server, "s");
        let result = session.exec(command);
        assert_eq!((&result["exitCode"], &result["stdout"]), (&json!(code), &json!("x\n")), "{result}");
        session.post("/exec", &json!({"command": "true"})).error(410, "SESSION_ENDED");
        let id = result["cmdId"].as_str().unwrap();
        let input = session.post(&format!("/command/{id}/input"), &json!({"data": "x"}));
        input.error(410, "SESSION_ENDED");
        assert_eq!(session.get("").ok(200)["commands"][0]["exitCode"], code);
        assert_eq!(session.logs(id)["stdout"], "x\n");
        session.delete();
    }
}

#[test]
fn commands_behind_the_one_that_ends_the_shell_do_not_hang() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    session.start("while ! test -e go; do :; done; exit 0");
    let behind = session.start("echo never");
    let waiting = std::thread::scope(|scope| {
        let mut client = server.client();
        let path = session.path("/exec");
        let waiting = scope.spawn(move || client.post_json(&path, &json!({"command": "echo never"})));
        eventually("it is queued", || {
            (session.get("").ok(200)["commands"].as_array().unwrap().len() == 3).then_some(())
        });
        server.write("go", "");
        waiting.join().unwrap()
    });
    waiting.error(410, "SESSION_ENDED");
    assert_eq!(session.wait(&behind), -1);
    assert_eq!(session.logs(&behind)["stdout"], "");
    session.delete();
}

#[test]
fn deleting_ends_every_descendant_also_those_that_left_the_session() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    session.exec("sleep 300 & echo $! > plain");
    session.exec("setsid sleep 300 & echo $! > escaped");
    session.exec("(sleep 300 & echo $! > grandchild)");
    session.start("sleep 300");
    let pids = ["plain", "escaped", "grandchild"]
        .map(|name| String::from_utf8(server.read(name)).unwrap().trim().to_owned());
    let started = Instant::now();
    session.delete();
    assert!(started.elapsed() < Duration::from_secs(4), "it took the whole grace period");
    for pid in pids {
        assert!(!is_running(&pid), "{pid}");
    }
}

#[test]
fn what_ignores_the_request_to_end_is_killed_after_the_grace_period() {
    let server = Server::start_with(|config| {
        config.environment.set("DAYTONA_TERMINATION_GRACE_PERIOD", "300ms");
    });
    let mut session = Session::create(&server, "s");
    let command = session.start("trap '' TERM; echo $$ > shell; while :; do sleep 1; done");
    eventually("it runs", || server.path("shell").metadata().is_ok_and(|file| file.len() > 0).then_some(()));
    let pid = String::from_utf8(server.read("shell")).unwrap();
    let follower = session.follow(&command, &[]);
    let started = Instant::now();
    session.delete();
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert!(!is_running(pid.trim()));
    assert_eq!(follower.finish().code, Some(1000));
}

#[test]
fn a_trap_may_say_good_bye() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let command = session.start("trap 'echo bye; exit 9' TERM; echo ready; while :; do sleep 0.05; done");
    let mut follower = session.follow(&command, &[]);
    follower.read_until("ready");
    session.delete();
    let ended = follower.finish();
    assert!(super::demultiplex(&ended.bytes()).0.contains("bye\n"), "{ended:?}");
    assert_eq!(ended.code, Some(1000));
}

#[test]
fn old_clients_start_at_home_and_all_others_in_the_work_directory() {
    let server = Server::start();
    let mut client = server.client();
    for (version, start) in [("0.102.0", server.work().parent().unwrap()), ("0.103.0", &server.work())] {
        let headers = format!("X-Daytona-SDK-Version: {version}\r\n");
        let body = json!({"sessionId": version}).to_string();
        assert_eq!(client.request("POST", "/process/session", &headers, body.as_bytes()).status, 201);
        let exec = json!({"command": "pwd"});
        let result = client.post_json(&format!("/process/session/{version}/exec"), &exec).ok(200);
        assert_eq!(result["output"], format!("{}\n", start.display()));
    }
}

#[test]
fn a_shell_that_is_not_there_is_told_and_its_id_is_free() {
    let server = Server::start_with(|config| config.shell = Some("/no/such/sh".into()));
    let mut client = server.client();
    for _ in 0..2 {
        let message = client
            .post_json("/process/session", &json!({"sessionId": "s"}))
            .error(500, "INTERNAL_SERVER_ERROR");
        assert!(message.contains("command not found"), "{message}");
    }
    assert_eq!(client.get("/process/session").ok(200), json!([]));
}
