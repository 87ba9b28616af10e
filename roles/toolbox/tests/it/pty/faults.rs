//! Many, large, and at the wrong moment.

use std::net::Shutdown;

use super::{EXIT_CONTROL, connect, create, create_connect, gone, listed, server};
use crate::server::eventually;
use crate::websocket::Socket;

#[test]
fn two_hundred_terminals_at_once_each_have_their_own_shell() {
    let server = server();
    let mut sockets: Vec<_> =
        (0..200).map(|number| create_connect(&server, &format!("id=s{number}"), &[EXIT_CONTROL])).collect();
    assert_eq!(listed(&server).len(), 200);
    for (number, socket) in sockets.iter_mut().enumerate() {
        socket.send_binary(format!("echo this-is-$(({number}+0)); exit\n").as_bytes());
    }
    for (number, socket) in sockets.into_iter().enumerate() {
        let ended = socket.finish();
        let output = String::from_utf8_lossy(&ended.bytes()).into_owned();
        assert!(output.contains(&format!("this-is-{number}\r\n")), "{output}");
        assert_eq!(ended.code, Some(1000));
    }
    eventually("all are gone", || listed(&server).is_empty().then_some(()));
}

#[test]
fn terminals_leave_nothing() {
    let server = server();
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    create_connect(&server, "id=warm", &[]).send_binary(b"exit\n");
    gone(&server, "warm");
    let before = descriptors();
    for _ in 0..50 {
        let mut socket = create_connect(&server, "id=s", &[EXIT_CONTROL]);
        socket.send_binary(b"exit\n");
        socket.finish();
        gone(&server, "s");
    }
    eventually("no descriptor is left", || (descriptors() <= before + 1).then_some(()));
}

#[test]
fn a_flood_is_seen_whole_by_whoever_reads_it() {
    let server = server();
    let mut socket = create_connect(&server, "id=s", &[EXIT_CONTROL]);
    socket.send_binary(b"head -c 52428800 /dev/zero | tr '\\0' 'z'; exit\n");
    let ended = socket.finish();
    let count = ended.binary.iter().flatten().filter(|&&byte| byte == b'z').count();
    // Two more are in the command itself, which the terminal echoes.
    assert_eq!(count, 52_428_800 + 2);
    assert_eq!(ended.code, Some(1000));
}

#[test]
fn a_client_that_does_not_read_is_closed_with_1008_and_the_terminal_goes_on() {
    let server = server();
    create(&server, "s");
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap()
    };
    let before = resident();
    let mut slow = connect(&server, "s", &[]);
    slow.send_binary(b"head -c 52428800 /dev/zero | tr '\\0' 'z'; touch done\n");
    eventually("the flood has gone through", || server.path("done").exists().then_some(()));
    let grown = resident().saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KiB more than before");
    let mut quick = connect(&server, "s", &[]);
    quick.send_binary(b"echo alive-$((1+1))\n");
    quick.read_until("alive-2");
    let ended = slow.finish();
    assert_eq!((ended.code, ended.reason.as_str()), (Some(1008), "slow consumer"));
    assert!(ended.bytes().len() < 8 << 20);
}

#[test]
fn sockets_that_are_cut_at_any_moment_leave_the_terminal_alone() {
    let server = server();
    create(&server, "s");
    for moment in 0..30 {
        let target = "/process/pty/s/connect";
        let mut socket = Socket::connect(&server.socket(), target, &[]).unwrap();
        if moment % 3 > 0 {
            socket.control();
            socket.send_binary(b"echo x\n");
        }
        if moment % 3 > 1 {
            socket.read_until("x");
        }
        socket.stream().shutdown(Shutdown::Both).unwrap();
    }
    let mut socket = connect(&server, "s", &[EXIT_CONTROL]);
    socket.send_binary(b"exit 4\n");
    assert!(socket.finish().reason.contains("\"exitCode\":4"));
}

#[test]
fn deleting_while_clients_come_and_go_hangs_nobody() {
    let server = server();
    for _ in 0..20 {
        create(&server, "s");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let server = &server;
                scope.spawn(move || {
                    let socket = Socket::connect(&server.socket(), "/process/pty/s/connect", &[EXIT_CONTROL]);
                    let ended = socket.unwrap().finish();
                    // Too late, or in time to see it killed.
                    assert!(matches!(ended.code, Some(1000 | 1008)), "{ended:?}");
                });
            }
            server.client().request("DELETE", "/process/pty/s", "", b"").ok(200);
        });
    }
}

#[test]
fn what_was_typed_before_a_client_went_is_typed_all_the_same() {
    let server = server();
    create(&server, "s");
    for round in 0..20 {
        let mut socket = connect(&server, "s", &[]);
        socket.send_binary(format!("echo {round} >> typed\n").as_bytes());
        drop(socket);
    }
    let expected: String = (0..20).map(|round| format!("{round}\n")).collect();
    eventually("all of it was typed", || {
        (std::fs::read_to_string(server.path("typed")).unwrap_or_default().lines().count() == 20)
            .then_some(())
    });
    let mut typed: Vec<u32> =
        String::from_utf8(server.read("typed")).unwrap().lines().map(|line| line.parse().unwrap()).collect();
    typed.sort_unstable();
    assert_eq!(typed, expected.lines().map(|line| line.parse().unwrap()).collect::<Vec<u32>>());
}

#[test]
fn a_terminal_that_ends_with_input_unread_holds_up_nobody() {
    let server = server();
    let mut socket = create_connect(&server, "id=s", &[EXIT_CONTROL]);
    socket.send_binary(b"stty raw -echo; echo begun; while ! test -e go; do sleep 0.01; done; kill -9 $$\n");
    socket.read_until("begun\n");
    socket.send_binary(&vec![b'x'; 300_000]);
    server.write("go", "");
    assert_eq!(socket.finish().code, Some(1000));
    assert_eq!(server.client().get("/version").status, 200);
    gone(&server, "s");
}
