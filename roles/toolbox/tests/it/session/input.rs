//! Typing to asynchronous commands.

use serde_json::json;

use super::Session;
use crate::server::{Server, eventually};

#[test]
fn input_reaches_the_command_and_is_shown_in_the_log() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let command = session.start("read a; read b; echo \"got $a and $b\"");
    session.type_in(&command, "one");
    session.type_in(&command, "two\n");
    assert_eq!(session.wait(&command), 0);
    assert_eq!(session.logs(&command)["stdout"], "one\ntwo\ngot one and two\n");
}

#[test]
fn the_echo_can_be_left_out() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let request = json!({"command": "read a; echo \"got $a\"", "async": true, "suppressInputEcho": true});
    let started = session.post("/exec", &request).ok(202);
    let command = started["cmdId"].as_str().unwrap();
    session.type_in(command, "secret");
    session.wait(command);
    assert_eq!(session.logs(command)["stdout"], "got secret\n");
}

#[test]
fn input_may_come_before_the_commands_turn() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    session.start("while ! test -e go; do sleep 0.01; done");
    let waiting = session.start("cat > typed & wait; read x; echo $x");
    std::thread::scope(|scope| {
        let path = session.path(&format!("/command/{waiting}/input"));
        let mut client = server.client();
        let typed = scope.spawn(move || client.post_json(&path, &json!({"data": "early"})));
        server.write("go", "");
        typed.join().unwrap().ok(204);
    });
    assert_eq!(session.wait(&waiting), 0);
    assert!(session.logs(&waiting)["stdout"].as_str().unwrap().ends_with("early\n"));
}

#[test]
fn a_prompt_is_seen_before_it_is_answered() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let command = session.start("printf 'name? '; read a; echo \"hello $a\"");
    let mut follower = session.follow(&command, &[]);
    follower.read_until("name? ");
    session.type_in(&command, "you");
    let rest = follower.finish();
    assert_eq!(super::demultiplex(&rest.bytes()).0, "you\nhello you\n");
}

#[test]
fn input_for_those_that_take_none_is_refused() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let done = session.exec("true")["cmdId"].as_str().unwrap().to_owned();
    let typed = session.post(&format!("/command/{done}/input"), &json!({"data": "x"}));
    typed.error(410, "COMMAND_ALREADY_COMPLETED");
    let done = session.start("true");
    session.wait(&done);
    let typed = session.post(&format!("/command/{done}/input"), &json!({"data": "x"}));
    typed.error(410, "COMMAND_ALREADY_COMPLETED");
    session.post("/command/none/input", &json!({"data": "x"})).error(404, "NOT_FOUND");
    session.post(&format!("/command/{done}/input"), &json!({})).error(400, "INVALID_REQUEST_BODY");
}

#[test]
fn more_input_than_a_pipe_holds_waits_for_the_command_and_ends_with_it() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let command = session.start("while ! test -e go; do sleep 0.01; done; wc -c; echo counted");
    let path = session.path(&format!("/command/{command}/input"));
    std::thread::scope(|scope| {
        let mut client = server.client();
        let typed = scope.spawn(move || client.post_json(&path, &json!({"data": "x".repeat(1 << 20)})));
        server.write("go", "");
        typed.join().unwrap().ok(204);
    });
    // The command still waits for the end of its input. A session's end is one.
    let unread = session.path(&format!("/command/{command}/input"));
    std::thread::scope(|scope| {
        let mut client = server.client();
        let typed =
            scope.spawn(move || client.post_json(&unread, &json!({"data": "x".repeat(8 << 20)})).status);
        eventually("the command has read", || {
            (session.logs(&command)["stdout"].as_str().unwrap().len() > 1 << 20).then_some(())
        });
        session.delete();
        assert!(matches!(typed.join().unwrap(), 204 | 410 | 404));
    });
}

#[test]
fn a_command_that_never_reads_costs_no_memory_and_ends_the_wait_with_its_end() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let command = session.start("while ! test -e go; do sleep 0.01; done");
    let path = session.path(&format!("/command/{command}/input"));
    std::thread::scope(|scope| {
        let mut client = server.client();
        let typed = scope.spawn(move || client.post_json(&path, &json!({"data": "x".repeat(1 << 20)})));
        eventually("the echo is in the log", || {
            (session.logs(&command)["stdout"].as_str().unwrap().len() > 1 << 20).then_some(())
        });
        server.write("go", "");
        typed.join().unwrap().error(410, "COMMAND_ALREADY_COMPLETED");
    });
    assert_eq!(session.wait(&command), 0);
}
