//! The web terminal's socket.

use tokio_tungstenite::tungstenite::Message;

use crate::pty::server;
use crate::server::{Server, eventually};
use crate::websocket::Socket;

fn open(server: &Server) -> Socket {
    Socket::connect(&server.socket(), "/terminal/ws", &[]).unwrap()
}

/// Reads text until it holds `wanted`.
fn read_until(socket: &mut Socket, wanted: &str) -> String {
    let mut seen = String::new();
    while !seen.contains(wanted) {
        match socket.next().unwrap() {
            Message::Text(text) => seen.push_str(&text),
            other => panic!("{other:?} before {wanted:?}, after {seen:?}"),
        }
    }
    seen
}

#[test]
fn a_shell_in_the_work_directory_follows_the_pages_size() {
    let server = server();
    let mut socket = open(&server);
    socket.send(Message::text(r#"{"rows": 33, "cols": 111}"#));
    socket.send(Message::text("stty size; pwd; echo \"[$((40 + 2)) äöü]\"; exit\n"));
    let seen = read_until(&mut socket, "[42 äöü]");
    assert!(seen.contains("33 111") && seen.contains(server.work().to_str().unwrap()), "{seen}");
    let ended = socket.finish();
    assert_eq!((ended.code, ended.binary.len()), (Some(1000), 0), "{ended:?}");
}

#[test]
fn the_shell_ends_with_its_socket() {
    let server = server();
    let mut socket = open(&server);
    socket.send(Message::text("echo \"pid\" is $$ .; sleep 1000\n"));
    let seen = read_until(&mut socket, " .\r\n");
    let (_, pid) = seen.trim_end_matches(" .\r\n").rsplit_once("pid is ").unwrap();
    let pid: u32 = pid.parse().unwrap();
    assert!(std::path::Path::new(&format!("/proc/{pid}")).exists());
    drop(socket);
    eventually("the shell has ended", || {
        (!std::path::Path::new(&format!("/proc/{pid}")).exists()).then_some(())
    });
}

#[test]
fn a_flood_arrives_whole_though_it_is_typed_into_meanwhile() {
    let server = server();
    let mut socket = open(&server);
    socket.send(Message::text("stty -echo; seq 1 30000; read line; echo \"g\"\"ot $line\"; exit\n"));
    for _ in 0..8 {
        socket.send(Message::text("x"));
    }
    socket.send(Message::text("\n"));
    let seen = read_until(&mut socket, "got ");
    assert!(seen.contains("\r\n29999\r\n30000\r\n"), "{}", seen.len());
}
