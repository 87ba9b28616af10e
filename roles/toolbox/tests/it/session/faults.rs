//! Many, large, and at the wrong moment.

use std::io::Read;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::{Session, demultiplex};
use crate::server::{Server, eventually, is_running};

/// Open descriptors of this process, which is every server of these tests: so only with one test per
/// process, as nextest runs them.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_thousand_sessions_one_after_the_other_leave_nothing() {
    let server = Server::start();
    Session::create(&server, "warm").delete();
    let (descriptors_before, memory_before) = (descriptors(), resident_kib());
    for number in 0..1000 {
        let mut session = Session::create(&server, "s");
        assert_eq!(session.stdout(&format!("echo {number}")), format!("{number}\n"));
        session.delete();
    }
    eventually("no descriptor is left", || (descriptors() <= descriptors_before + 1).then_some(()));
    let grown = resident_kib().saturating_sub(memory_before);
    assert!(grown < 16 << 10, "{grown} KiB more than before");
    assert_eq!(server.session_files(), 0);
    assert_eq!(server.client().get("/process/session").ok(200), json!([]));
}

#[test]
fn a_thousand_commands_of_one_session_hold_no_descriptors() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    session.exec("echo warm");
    let before = descriptors();
    for number in 0..1000 {
        assert_eq!(session.stdout(&format!("echo {number}")), format!("{number}\n"));
    }
    eventually("no descriptor is left", || (descriptors() <= before + 1).then_some(()));
    let id = session.get("").ok(200)["commands"][500]["id"].as_str().unwrap().to_owned();
    assert_eq!(session.logs(&id)["stdout"], "499\n");
}

#[test]
fn two_hundred_sessions_at_once_each_have_their_own_shell() {
    let server = Server::start();
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let server = &server;
            scope.spawn(move || {
                let mut sessions: Vec<_> =
                    (0..25).map(|n| Session::create(server, &format!("{worker}-{n}"))).collect();
                for (number, session) in sessions.iter_mut().enumerate() {
                    session.exec(&format!("X={worker}-{number}"));
                }
                for (number, session) in sessions.iter_mut().enumerate() {
                    assert_eq!(session.stdout("echo $X"), format!("{worker}-{number}\n"));
                    session.delete();
                }
            });
        }
    });
}

#[test]
fn a_flood_costs_no_memory_and_nothing_of_it_is_lost_however_slowly_it_is_read() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let id = session.start("head -c 100000000 /dev/zero | tr '\\0' 'a' | fold -w 99; echo end >&2");
    // Opened at the beginning and not read until the end.
    let follower = session.follow(&id, &[]);
    let before = resident_kib();
    eventually_within(Duration::from_secs(60), || {
        session.get(&format!("/command/{id}")).ok(200).get("exitCode").is_some()
    });
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 32 << 10, "{grown} KiB more than before");
    let ended = follower.finish();
    assert_eq!(ended.code, Some(1000));
    let (stdout, stderr) = demultiplex(&ended.bytes());
    assert_eq!(stdout.bytes().filter(|&byte| byte == b'a').count(), 100_000_000);
    assert_eq!(stderr, "end\n");
}

#[test]
fn a_large_log_is_answered_piece_by_piece() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let id = session.start("head -c 50000000 /dev/zero | tr '\\0' 'a'; echo end >&2");
    eventually_within(Duration::from_secs(60), || {
        session.get(&format!("/command/{id}")).ok(200).get("exitCode").is_some()
    });
    let before = resident_kib();
    let mut client = server.client();
    let target = session.path(&format!("/command/{id}/logs"));
    client.send("GET", &target, "X-Daytona-SDK-Version: 0.226.1\r\n", b"");
    client.read_raw_until(b"aaaa");
    // The client has read a little and stopped: the daemon holds a little, and not the log.
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KiB more than before");
    drop(client);
    let logs = session.logs(&id);
    assert_eq!(logs["stdout"].as_str().unwrap().len(), 50_000_000);
    assert_eq!(logs["stderr"], "end\n");
}

#[test]
fn a_shell_that_is_killed_from_outside_ends_its_session_and_its_command() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let shell: i32 = session.stdout("echo $$").trim().parse().unwrap();
    let command = session.start("echo running; sleep 300");
    let mut follower = session.follow(&command, &[]);
    follower.read_until("running");
    kill_process(Pid::from_raw(shell).unwrap(), Signal::KILL).unwrap();
    assert_eq!(follower.finish().code, Some(1000));
    assert_eq!(session.wait(&command), 137);
    session.post("/exec", &json!({"command": "true"})).error(410, "SESSION_ENDED");
    // What the shell was waiting for is still there, and goes with the session.
    session.delete();
}

#[test]
fn what_a_shell_left_behind_goes_with_its_session() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    session.exec("sleep 300 & echo $! > left; exit 0");
    let left = String::from_utf8(server.read("left")).unwrap().trim().to_owned();
    assert!(is_running(&left));
    session.delete();
    assert!(!is_running(&left));
}

#[test]
fn without_a_place_for_files_sessions_work_and_input_falls_away() {
    let server = Server::start_with(|config| config.session_directories = vec!["/proc/none".into()]);
    let mut session = Session::create(&server, "s");
    let result = session.exec("X='it'\"'\"'s'; echo \"$X\"; echo err >&2; cat; (exit 3)");
    assert_eq!(
        (&result["stdout"], &result["stderr"], &result["exitCode"]),
        (&json!("it's\n"), &json!("err\n"), &json!(3))
    );
    let long = format!("echo {} | wc -c", "x".repeat(200_000));
    assert_eq!(session.stdout(&long), "200001\n");
    let command = session.start("echo begun; read x || echo none");
    assert_eq!(session.wait(&command), 0);
    assert_eq!(session.logs(&command)["stdout"], "begun\nnone\n");
    assert_eq!(session.follow(&command, &[]).finish().bytes(), b"\x01\x01\x01begun\nnone\n");
    session.delete();
}

#[test]
fn a_session_that_is_deleted_under_its_callers_answers_all_of_them() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let running = session.start("sleep 300");
    std::thread::scope(|scope| {
        let follower = session.follow(&running, &[]);
        let follower = scope.spawn(move || follower.finish());
        let exec = session.path("/exec");
        let mut client = server.client();
        let caller = scope.spawn(move || client.post_json(&exec, &json!({"command": "true"})).status);
        let mut plain = server.client();
        let target = session.path(&format!("/command/{running}/logs?follow=true"));
        plain.send("GET", &target, "", b"");
        eventually("the caller waits", || {
            (session.get("").ok(200)["commands"].as_array().unwrap().len() == 2).then_some(())
        });
        session.delete();
        assert_eq!(follower.join().unwrap().code, Some(1000));
        assert_eq!(caller.join().unwrap(), 410);
        assert_eq!(plain.answer("GET").status, 200);
    });
}

#[test]
fn an_answer_that_is_not_read_holds_up_nobody() {
    let server = Server::start();
    let mut session = Session::create(&server, "s");
    let id = session.start("head -c 20000000 /dev/zero | tr '\\0' 'a'");
    let unread = session.follow(&id, &[]);
    assert_eq!(session.wait(&id), 0);
    assert_eq!(session.stdout("echo next"), "next\n");
    let mut first = [0; 2];
    let _ = unread.stream().try_clone().unwrap().read(&mut first).unwrap();
    session.delete();
}

fn eventually_within(limit: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + limit;
    while !condition() {
        assert!(std::time::Instant::now() < deadline, "it did not become so");
        std::thread::yield_now();
    }
}
