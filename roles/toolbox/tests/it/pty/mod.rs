//! Terminals over HTTP and over their sockets.

mod end;
mod faults;
mod life;
mod typing;

use serde_json::json;

use crate::server::Server;
use crate::websocket::Socket;

const EXIT_CONTROL: (&str, &str) = ("Sec-WebSocket-Protocol", "X-Daytona-Pty-Exit-Control");

/// A server whose terminals have a plain shell: no colours, no start-up files of this machine's user.
pub(crate) fn server() -> Server {
    Server::start_with(|config| {
        config.shell = Some("sh".into());
        config.environment.set("HOME", "/no/such");
    })
}

/// Makes a terminal over HTTP.
#[track_caller]
pub(crate) fn create(server: &Server, id: &str) {
    let created = server.client().post_json("/process/pty", &json!({"id": id})).ok(201);
    assert_eq!(created, json!({"sessionId": id}));
}

/// Connects to a terminal and checks the first message.
#[track_caller]
pub(crate) fn connect(server: &Server, id: &str, headers: &[(&str, &str)]) -> Socket {
    open(server, &format!("/process/pty/{id}/connect"), headers)
}

/// Makes a terminal by its socket and checks the first message.
#[track_caller]
pub(crate) fn create_connect(server: &Server, query: &str, headers: &[(&str, &str)]) -> Socket {
    open(server, &format!("/process/pty/create-connect?{query}"), headers)
}

#[track_caller]
fn open(server: &Server, target: &str, headers: &[(&str, &str)]) -> Socket {
    let mut socket = Socket::connect(&server.socket(), target, headers).unwrap();
    assert_eq!(socket.control(), json!({"type": "control", "status": "connected"}));
    socket
}

/// Ids of all terminals.
pub(crate) fn listed(server: &Server) -> Vec<String> {
    let listed = server.client().get("/process/pty").ok(200);
    let sessions = listed["sessions"].as_array().unwrap();
    sessions.iter().map(|session| session["id"].as_str().unwrap().to_owned()).collect()
}

/// Waits until a terminal's shell has ended.
#[track_caller]
pub(crate) fn gone(server: &Server, id: &str) {
    crate::server::eventually("the terminal is gone", || {
        (!listed(server).contains(&id.to_owned())).then_some(())
    });
}
