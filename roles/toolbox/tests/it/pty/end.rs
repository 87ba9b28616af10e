//! How terminals end, and how their clients are told.

use std::time::Duration;

use serde_json::{Value, json};

use super::{EXIT_CONTROL, connect, create, create_connect, gone, listed, server};
use crate::server::{eventually, is_running};
use crate::websocket::Socket;

fn exit_of(socket: Socket) -> (Option<u16>, Value, Vec<Value>) {
    let ended = socket.finish();
    let controls = ended.texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    (ended.code, serde_json::from_str(&ended.reason).unwrap(), controls)
}

#[test]
fn clients_that_asked_for_it_hear_of_the_exit_by_a_message_and_1000() {
    let server = server();
    for (code, reason) in [(0, None), (3, Some("non-zero exit"))] {
        let mut socket = create_connect(&server, "id=s", &[EXIT_CONTROL]);
        socket.send_binary(format!("exit {code}\n").as_bytes());
        let (close, end, controls) = exit_of(socket);
        let mut exit = json!({"exitCode": code});
        if let Some(reason) = reason {
            exit["exitReason"] = json!(reason);
        }
        assert_eq!((close, &end), (Some(1000), &exit));
        exit["type"] = json!("control");
        exit["status"] = json!("exited");
        assert_eq!(controls, [exit]);
        gone(&server, "s");
    }
}

#[test]
fn others_hear_of_it_by_the_close_alone() {
    let server = server();
    for (code, close) in [(0, 1000), (3, 1011)] {
        create(&server, "s");
        let mut socket = connect(&server, "s", &[]);
        socket.send_binary(format!("exit {code}\n").as_bytes());
        let (closed, end, controls) = exit_of(socket);
        assert_eq!((closed, &end["exitCode"]), (Some(close), &json!(code)));
        assert_eq!(controls, [Value::Null; 0]);
        gone(&server, "s");
    }
}

#[test]
fn a_signal_is_told_as_shells_tell_it() {
    let server = server();
    for (signal, code, reason) in
        [("TERM", 143, "SIGTERM"), ("KILL", 137, "SIGKILL"), ("HUP", 129, "signal 1")]
    {
        let mut socket = create_connect(&server, "id=s", &[EXIT_CONTROL]);
        socket.send_binary(format!("exec sh -c 'kill -{signal} $$'\n").as_bytes());
        let (_, end, _) = exit_of(socket);
        assert_eq!(end, json!({"exitCode": code, "exitReason": reason}));
        gone(&server, "s");
    }
}

#[test]
fn a_deleted_terminal_is_137_and_takes_all_its_processes_along() {
    let server = server();
    let mut socket = create_connect(&server, "id=s", &[EXIT_CONTROL]);
    socket.send_binary(b"sleep 300 & echo $! > job; setsid sleep 300 & echo $! > escaped; echo r''eady\n");
    socket.read_until("ready");
    let pids = ["job", "escaped"].map(|name| String::from_utf8(server.read(name)).unwrap().trim().to_owned());
    let answer = server.client().request("DELETE", "/process/pty/s", "", b"").ok(200);
    assert!(answer["message"].is_string(), "{answer}");
    let (code, end, _) = exit_of(socket);
    assert_eq!((code, end), (Some(1000), json!({"exitCode": 137, "exitReason": "SIGKILL"})));
    assert_eq!(listed(&server), [""; 0]);
    for pid in pids {
        assert!(!is_running(&pid), "{pid}");
    }
}

#[test]
fn all_output_comes_before_the_exit() {
    let server = server();
    for round in 0..20 {
        let mut socket = create_connect(&server, "id=s", &[EXIT_CONTROL]);
        socket.send_binary(format!("seq 1 5000; echo the-{round}-end; exit\n").as_bytes());
        let ended = socket.finish();
        let output = String::from_utf8(ended.bytes()).unwrap();
        assert!(output.contains("\n4999\r\n5000\r\n"), "round {round}");
        assert!(output.trim_end().ends_with(&format!("the-{round}-end")), "round {round}: {output}");
        assert_eq!(ended.texts.len(), 1);
        gone(&server, "s");
    }
}

#[test]
fn a_process_that_stays_behind_does_not_hold_the_exit_back() {
    let server = server();
    let mut socket = create_connect(&server, "id=s", &[EXIT_CONTROL]);
    socket.send_binary(
        b"(trap '' HUP; echo begun > left; while ! test -e go; do echo noise; sleep 0.01; done; echo > over) & exit 5\n",
    );
    let (_, end, _) = exit_of(socket);
    assert_eq!(end["exitCode"], 5);
    eventually("it was there", || server.path("left").exists().then_some(()));
    // It would look for the file for ever if it were not there before the directory is removed.
    server.write("go", "");
    eventually("it ended", || server.path("over").exists().then_some(()));
}

#[test]
fn a_shell_that_ends_at_once_is_connected_first_and_then_exited() {
    let server = crate::server::Server::start_with(|config| {
        let shell = config.work_dir.join("sh");
        std::fs::write(&shell, "#!/bin/sh\necho last words; exit 9\n").unwrap();
        std::fs::set_permissions(&shell, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        config.shell = Some(shell.into_os_string());
    });
    let socket = create_connect(&server, "id=s", &[EXIT_CONTROL]);
    let ended = socket.finish();
    assert_eq!(ended.bytes(), b"last words\r\n");
    assert_eq!(ended.reason, r#"{"exitCode":9,"exitReason":"non-zero exit"}"#);
}

#[test]
fn a_stop_hangs_up_and_closes_sockets_with_1001() {
    let server = server();
    let mut socket = create_connect(&server, "id=s", &[EXIT_CONTROL]);
    socket.send_binary(b"echo $$ > shell; echo r''eady\n");
    socket.read_until("ready");
    let pid = String::from_utf8(server.read("shell")).unwrap();
    let ended = std::thread::spawn(move || socket.finish());
    let started = std::time::Instant::now();
    drop(server);
    assert!(started.elapsed() < Duration::from_secs(4), "it took the whole grace period");
    assert_eq!(ended.join().unwrap().code, Some(1001));
    assert!(!is_running(pid.trim()));
}
