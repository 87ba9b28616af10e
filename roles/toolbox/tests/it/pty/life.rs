//! Terminals come, are listed, resized, and go.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::{EXIT_CONTROL, connect, create, create_connect, gone, listed, server};
use crate::server::encoded;
use crate::websocket::Socket;

#[test]
fn a_terminal_made_over_http_is_listed_with_everything_about_it() {
    let server = server();
    let mut client = server.client();
    let request = json!({"id": "a", "cols": 120, "rows": 40, "cwd": "/", "envs": {"A": "1"}});
    assert_eq!(client.post_json("/process/pty", &request).ok(201), json!({"sessionId": "a"}));
    let info = client.get("/process/pty/a").ok(200);
    let created_at = info["createdAt"].as_str().unwrap();
    assert!(created_at.contains('T'), "{created_at}");
    assert_eq!(
        info,
        json!({
            "id": "a", "cwd": "/", "envs": {"A": "1", "TERM": "xterm-256color"}, "cols": 120, "rows": 40,
            "createdAt": created_at, "active": true, "lazyStart": false,
        })
    );
    create(&server, "b");
    let plain = client.get("/process/pty/b").ok(200);
    assert_eq!(
        (&plain["cols"], &plain["rows"], &plain["cwd"]),
        (&json!(80), &json!(24), &json!(server.work()))
    );
    assert_eq!(listed(&server), ["a", "b"]);
    client.post_json("/process/pty", &json!({"id": "a"})).error(409, "CONFLICT");
    client.get("/process/pty/none").error(404, "PROCESS_NOT_FOUND");
    client.request("DELETE", "/process/pty/none", "", b"").error(404, "PROCESS_NOT_FOUND");
}

#[test]
fn requests_that_cannot_be_are_refused() {
    let server = server();
    let mut client = server.client();
    for bad in [
        json!({}),
        json!({"id": ""}),
        json!({"id": "x", "cols": 1001}),
        json!({"id": "x", "rows": 1001}),
        json!({"id": "x", "rows": -1}),
        json!({"id": "x", "envs": {"1A": "x"}}),
        json!({"id": "x", "envs": {"A": "nul\u{0}"}}),
    ] {
        client.post_json("/process/pty", &bad).error(400, "BAD_REQUEST");
    }
    client.post_json("/process/pty", &json!({"id": 1})).error(400, "INVALID_REQUEST_BODY");
    let nowhere = json!({"id": "x", "cwd": "/no/such"});
    let message = client.post_json("/process/pty", &nowhere).error(500, "INTERNAL_SERVER_ERROR");
    assert!(message.contains("no such file or directory"), "{message}");
    assert_eq!(listed(&server), [""; 0]);
}

#[test]
fn a_terminal_is_made_by_its_socket_with_options_beside_it() {
    let server = server();
    std::fs::create_dir(server.path("in here")).unwrap();
    let envs = json!({"GREETING": "a=b c 日本", "TERM": "dumb"}).to_string();
    let envs = format!("X-Daytona-Pty-Envs~{}", URL_SAFE_NO_PAD.encode(envs));
    let protocols = format!("X-Daytona-SDK-Version~0.226.1, {envs}, {}", EXIT_CONTROL.1);
    let query = format!("id=my%20pty&cols=100&rows=30&cwd={}", encoded(&server.path("in here")));
    let mut socket = create_connect(&server, &query, &[("Sec-WebSocket-Protocol", &protocols)]);
    assert_eq!(socket.protocol(), Some(EXIT_CONTROL.1));
    socket.send_binary(b"echo \"<$GREETING>\" $TERM; pwd; stty size; exit\n");
    let ended = socket.finish();
    let output = String::from_utf8(ended.bytes()).unwrap();
    let expected = format!("<a=b c 日本> dumb\r\n{}\r\n30 100\r\n", server.path("in here").display());
    assert!(output.contains(&expected), "{output}");
    assert_eq!(ended.code, Some(1000));
}

#[test]
fn what_is_wrong_before_the_upgrade_is_an_http_error() {
    let server = server();
    create(&server, "taken");
    for (query, headers, status) in [
        ("", vec![], 400),
        ("id=", vec![], 400),
        ("id=x&cols=1001", vec![], 400),
        ("id=x", vec![("Sec-WebSocket-Protocol", "X-Daytona-Pty-Envs~!!!")], 400),
        ("id=taken", vec![], 409),
    ] {
        let target = format!("/process/pty/create-connect?{query}");
        let Err((refused, body)) = Socket::connect(&server.socket(), &target, &headers) else {
            panic!("{query} was upgraded");
        };
        assert_eq!(refused, status, "{query}");
        assert!(body.contains("DAYTONA_DAEMON"), "{body}");
    }
    // A size that is no number means none.
    create_connect(&server, "id=odd&cols=wide&rows=", &[]);
    let info = server.client().get("/process/pty/odd").ok(200);
    assert_eq!((&info["cols"], &info["rows"]), (&json!(80), &json!(24)));
    server.client().get("/process/pty/create-connect?id=x").error(400, "BAD_REQUEST");
    assert_eq!(listed(&server), ["taken", "odd"]);
}

#[test]
fn a_start_that_fails_is_told_on_the_socket_and_leaves_the_id_free() {
    let server = server();
    let mut socket =
        Socket::connect(&server.socket(), "/process/pty/create-connect?id=x&cwd=/no/such", &[]).unwrap();
    let control = socket.control();
    assert_eq!((&control["type"], &control["status"]), (&json!("control"), &json!("error")));
    assert!(control["error"].as_str().unwrap().contains("no such file or directory"), "{control}");
    assert_eq!(socket.finish().code, Some(1011));
    assert_eq!(listed(&server), [""; 0]);
}

#[test]
fn connecting_to_none_is_told_on_the_socket() {
    let server = server();
    let mut socket = Socket::connect(&server.socket(), "/process/pty/none/connect", &[]).unwrap();
    let control = socket.control();
    assert_eq!(control["status"], "error");
    assert!(control["error"].as_str().unwrap().contains("not found"), "{control}");
    assert_eq!(socket.finish().code, Some(1008));
}

#[test]
fn a_terminal_outlives_its_sockets_and_its_id_is_free_once_it_has_ended() {
    let server = server();
    let mut socket = create_connect(&server, "id=s", &[]);
    socket.send_binary(b"X=kept; echo set-$((1+1))\n");
    socket.read_until("set-2");
    drop(socket);
    assert_eq!(listed(&server), ["s"]);
    let mut again = connect(&server, "s", &[]);
    again.send_binary(b"echo \"<$X>\"; exit\n");
    again.read_until("<kept>");
    gone(&server, "s");
    create(&server, "s");
}

#[test]
fn sizes_change_over_http() {
    let server = server();
    let mut socket = create_connect(&server, "id=s", &[]);
    let mut client = server.client();
    let info = client.post_json("/process/pty/s/resize", &json!({"cols": 100, "rows": 30})).ok(200);
    assert_eq!((&info["id"], &info["cols"], &info["rows"]), (&json!("s"), &json!(100), &json!(30)));
    socket.send_binary(b"stty size\n");
    socket.read_until("30 100");
    // What is typed is input, whatever it looks like.
    socket.send_binary(b"echo '{\"cols\":1,\"rows\":1}'; stty size\n");
    socket.read_until("30 100");
    for bad in [json!({"cols": 0, "rows": 1}), json!({"cols": 1, "rows": 1001})] {
        client.post_json("/process/pty/s/resize", &bad).error(400, "BAD_REQUEST");
    }
    client.post_json("/process/pty/s/resize", &json!({"cols": 1})).error(400, "INVALID_REQUEST_BODY");
    let size = json!({"cols": 10, "rows": 10});
    client.post_json("/process/pty/none/resize", &size).error(410, "SESSION_ENDED");
    socket.send_binary(b"exit\n");
    gone(&server, "s");
    client.post_json("/process/pty/s/resize", &size).error(410, "SESSION_ENDED");
}

#[test]
fn a_lazy_terminal_starts_with_its_first_client() {
    let server = server();
    let mut client = server.client();
    client.post_json("/process/pty", &json!({"id": "lazy", "lazyStart": true})).ok(201);
    let info = client.get("/process/pty/lazy").ok(200);
    assert_eq!((&info["active"], &info["lazyStart"]), (&json!(false), &json!(true)));
    client.post_json("/process/pty/lazy/resize", &json!({"cols": 90, "rows": 20})).ok(200);
    let mut socket = connect(&server, "lazy", &[]);
    assert_eq!(client.get("/process/pty/lazy").ok(200)["active"], true);
    socket.send_binary(b"stty size\n");
    socket.read_until("20 90");
    client.post_json("/process/pty", &json!({"id": "never", "lazyStart": true})).ok(201);
    client.request("DELETE", "/process/pty/never", "", b"").ok(200);
    assert_eq!(listed(&server), ["lazy"]);
}
