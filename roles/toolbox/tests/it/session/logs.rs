//! Logs: once and as they grow, for clients of every age.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::{Session, demultiplex};
use crate::server::{Server, eventually};
use crate::websocket::Socket;

const BOTH: &str = "echo out; sleep 0.02; echo err >&2";

#[test]
fn one_shot_logs_have_three_forms() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let id = session.exec(BOTH)["cmdId"].as_str().unwrap().to_owned();
    let labelled = "\u{1}\u{1}\u{1}out\n\u{2}\u{2}\u{2}err\n";
    let expected = json!({"output": labelled, "stdout": "out\n", "stderr": "err\n"});
    assert_eq!(session.logs(&id), expected);
    let path = session.path(&format!("/command/{id}/logs"));
    for (headers, text) in [
        ("X-Daytona-SDK-Version: 0.166.0\r\n", labelled),
        ("X-Daytona-SDK-Version: 0.26.0\r\n", "out\nerr\n"),
        ("", "out\nerr\n"),
        ("X-Daytona-Split-Output: true\r\n", labelled),
    ] {
        let answer = session.client.request("GET", &path, headers, b"");
        assert!(answer.header("content-type").unwrap().starts_with("text/plain"), "{answer:?}");
        assert_eq!(String::from_utf8(answer.body).unwrap(), text, "{headers}");
    }
    let answer = session.client.request("GET", &path, "X-Daytona-SDK-Version: 0.0.0-dev\r\n", b"");
    assert_eq!(answer.ok(200), expected);
    let empty = session.exec("true")["cmdId"].as_str().unwrap().to_owned();
    assert_eq!(session.logs(&empty), json!({"output": "", "stdout": "", "stderr": ""}));
    session.get("/command/none/logs").error(404, "NOT_FOUND");
    session.client.get("/process/session/none/command/none/logs").error(404, "NOT_FOUND");
}

#[test]
fn a_running_commands_log_is_told_as_far_as_it_got() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let id = session.start("echo begun; sleep 300");
    eventually("its output is there", || (session.logs(&id)["stdout"] == "begun\n").then_some(()));
    session.delete();
}

#[test]
fn a_follower_gets_all_from_the_beginning_then_what_comes_then_1000() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let id = session.start("echo one; echo two >&2; while ! test -e go; do sleep 0.01; done; echo three");
    let mut early = session.follow(&id, &[("X-Daytona-SDK-Version", "0.226.1")]);
    early.read_until("one\n");
    server.write("go", "");
    let early = early.finish();
    assert_eq!(early.code, Some(1000));
    session.wait(&id);
    let late = session.follow(&id, &[]).finish();
    assert_eq!(late.code, Some(1000));
    assert_eq!(demultiplex(&late.bytes()), ("one\nthree\n".to_owned(), "two\n".to_owned()));
    for frame in early.binary.iter().chain(&late.binary) {
        assert!(matches!(frame[..3], [1, 1, 1] | [2, 2, 2]), "{frame:?}");
    }
}

#[test]
fn sockets_are_labelled_for_all_but_very_old_clients_and_echo_their_protocol() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let id = session.exec(BOTH)["cmdId"].as_str().unwrap().to_owned();
    let labelled = b"\x01\x01\x01out\n\x02\x02\x02err\n";
    // Java says nothing at all, browsers say it in a subprotocol.
    assert_eq!(session.follow(&id, &[]).finish().bytes(), labelled);
    assert_eq!(session.follow(&id, &[("X-Daytona-SDK-Version", "0.26.0")]).finish().bytes(), b"out\nerr\n");
    let token = "X-Daytona-SDK-Version~0.25.1";
    let socket = session.follow(&id, &[("Sec-WebSocket-Protocol", token)]);
    assert_eq!(socket.protocol(), Some(token));
    assert_eq!(socket.finish().bytes(), b"out\nerr\n");
}

#[test]
fn a_socket_without_follow_gets_what_is_there() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let id = session.start("echo begun; sleep 300");
    eventually("its output is there", || (session.logs(&id)["stdout"] == "begun\n").then_some(()));
    let target = session.path(&format!("/command/{id}/logs"));
    let ended = Socket::connect(&server.socket(), &target, &[]).unwrap().finish();
    assert_eq!((ended.bytes().as_slice(), ended.code), (&b"\x01\x01\x01begun\n"[..], Some(1000)));
    session.delete();
}

#[test]
fn following_over_plain_http_is_a_chunked_body_that_ends_with_the_command() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let id = session.start("echo one; while ! test -e go; do sleep 0.01; done; echo two >&2");
    let target = session.path(&format!("/command/{id}/logs?follow=true"));
    let mut client = server.client();
    client.send("GET", &target, "X-Daytona-SDK-Version: 0.100.0\r\n", b"");
    client.read_raw_until(b"one\n");
    server.write("go", "");
    let rest = client.read_raw_until(b"\r\n0\r\n\r\n");
    assert!(memchr::memmem::find(&rest, b"\x02\x02\x02two\n").is_some(), "{rest:?}");
    let answer = session.client.request("GET", &target, "", b"");
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    assert_eq!(answer.body, b"one\ntwo\n");
}

#[test]
fn text_in_many_frames_is_never_cut_within_a_character() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    // One line that is longer than any frame, and characters that come byte by byte.
    let id = session.start(
        "i=0; while [ $i -lt 30000 ]; do printf 'añ日😀'; i=$((i+1)); done; echo; \
         for byte in 360 237 230 200; do printf \"\\\\$byte\"; sleep 0.15; done",
    );
    let ended = session.follow(&id, &[]).finish();
    assert!(ended.binary.len() > 4, "{}", ended.binary.len());
    let mut text = String::new();
    for frame in &ended.binary {
        assert_eq!(frame[..3], [1, 1, 1]);
        text.push_str(std::str::from_utf8(&frame[3..]).unwrap());
    }
    assert_eq!(text, format!("{}\n😀", "añ日😀".repeat(30_000)));
}

#[test]
fn many_followers_all_get_everything() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let id = session.start("while ! test -e go; do sleep 0.01; done; seq 1 20000; echo end >&2");
    std::thread::scope(|scope| {
        let followers: Vec<_> = (0..10)
            .map(|_| {
                let follower = session.follow(&id, &[]);
                scope.spawn(move || follower.finish())
            })
            .collect();
        server.write("go", "");
        let expected: String = (1..=20_000).map(|n| format!("{n}\n")).collect();
        for follower in followers {
            let ended = follower.join().unwrap();
            assert_eq!(ended.code, Some(1000));
            assert_eq!(demultiplex(&ended.bytes()), (expected.clone(), "end\n".to_owned()));
        }
    });
}

#[test]
fn a_follower_may_talk_and_go_at_any_time() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let id = session.start("while ! test -e go; do echo x; sleep 0.005; done");
    let mut talker = session.follow(&id, &[]);
    talker.send(Message::text("nobody listens"));
    talker.send(Message::Ping("?".into()));
    talker.read_until("x\n");
    for _ in 0..20 {
        let mut cut = session.follow(&id, &[]);
        cut.read_until("x\n");
        cut.stream().shutdown(std::net::Shutdown::Both).unwrap();
    }
    server.write("go", "");
    assert_eq!(talker.finish().code, Some(1000));
    assert_eq!(session.wait(&id), 0);
}

#[test]
fn a_stop_closes_followers_with_1001() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let id = session.start("trap '' TERM; sleep 300");
    let follower = session.follow(&id, &[]);
    drop(session);
    let ended = std::thread::spawn(move || follower.finish());
    drop(server);
    assert_eq!(ended.join().unwrap().code, Some(1001));
}

#[test]
fn logs_that_somebody_removed_are_missing_and_the_session_goes_on() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let id = session.exec("echo x")["cmdId"].as_str().unwrap().to_owned();
    std::fs::remove_dir_all(server.work().parent().unwrap().join(".daytona")).unwrap();
    session.get(&format!("/command/{id}/logs")).error(404, "NOT_FOUND");
    let ended = session.follow(&id, &[]).finish();
    assert_eq!(ended.code, Some(1011));
    assert_eq!(session.stdout("echo y"), "y\n");
}
