//! Ports: who listens, and ways to them.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::thread;

use rustix::net::{AddressFamily, SocketType};
use serde_json::json;

use crate::server::Server;

/// A listener on any port from 3000 to 9999 at `address`.
fn listen(address: &str) -> TcpListener {
    (3000..=9999).find_map(|port| TcpListener::bind((address, port)).ok()).unwrap()
}

/// Takes a port of an address without listening on it. `None`: somebody else has it.
fn take(address: impl Into<SocketAddr>) -> Option<OwnedFd> {
    let address = address.into();
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket(family, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &address).ok().map(|()| socket)
}

/// A port from 3000 to 9999 that is taken on both loopback addresses, so that no other test listens on it, and that
/// nobody listens on.
fn reserve() -> ([OwnedFd; 2], u16) {
    let both = |port| Some([take((Ipv4Addr::LOCALHOST, port))?, take((Ipv6Addr::LOCALHOST, port))?]);
    (3000..=9999).find_map(|port| Some((both(port)?, port))).unwrap()
}

/// Serves each connection with `serve` in a thread.
fn serve_with(listener: TcpListener, serve: impl Fn(TcpStream) + Send + Clone + 'static) {
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            thread::spawn(move || serve(stream));
        }
    });
}

fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

#[test]
fn listeners_are_told_from_ports_that_are_free() {
    let server = Server::start();
    let (four, six) = (listen("127.0.0.1"), listen("::1"));
    let ports = [four.local_addr().unwrap().port(), six.local_addr().unwrap().port()];
    let listed = server.client().get("/port").ok(200);
    let listed: Vec<u16> = serde_json::from_value(listed["ports"].clone()).unwrap();
    assert!(listed.is_sorted(), "{listed:?}");
    for port in ports {
        assert!(listed.contains(&port), "{port} in {listed:?}");
        let answer = server.client().get(&format!("/port/{port}/in-use")).ok(200);
        assert_eq!(answer, json!({"isInUse": true}));
    }
    let (_taken, port) = reserve();
    let answer = server.client().get(&format!("/port/{port}/in-use")).ok(200);
    assert_eq!(answer, json!({"isInUse": false}));
    for wrong in ["2999", "10000", "abc", "-1", "70000", "3000.5"] {
        server.client().get(&format!("/port/{wrong}/in-use")).error(400, "BAD_REQUEST");
    }
}

#[test]
fn a_tunnel_carries_bytes_both_ways_until_either_side_ends() {
    let server = Server::start();
    for address in ["127.0.0.1", "::1"] {
        // Nobody else may listen on the same port of the address that is tried first.
        let ([_taken, six], port) = reserve();
        let listener = match address {
            "::1" => {
                drop(six);
                TcpListener::bind((address, port)).unwrap()
            }
            _ => listen(address),
        };
        let port = listener.local_addr().unwrap().port();
        serve_with(listener, |mut stream| {
            stream.write_all(b"hello\n").unwrap();
            let mut line = [0; 5];
            stream.read_exact(&mut line).unwrap();
            stream.write_all(&line).unwrap();
        });
        let mut client = server.client();
        client.send("GET", &format!("/tunnel/{port}"), "Connection: upgrade\r\nUpgrade: tcp\r\n", b"");
        let head = client.read_raw_until(b"\r\n\r\n");
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        if !head.ends_with(b"hello\n") {
            client.read_raw_until(b"hello\n");
        }
        client.write(b"\0\xffabc");
        assert_eq!(client.read_to_end(), b"\0\xffabc");
    }
}

#[test]
fn a_tunnel_to_nobody_is_a_bad_gateway_and_a_port_has_one_spelling() {
    let server = Server::start();
    let (_taken, port) = reserve();
    let upgrade = "Connection: upgrade\r\nUpgrade: tcp\r\n";
    server.client().request("GET", &format!("/tunnel/{port}"), upgrade, b"").error(502, "BAD_GATEWAY");
    for wrong in ["0", "02280", "+80", "65536", "x"] {
        server.client().request("GET", &format!("/tunnel/{wrong}"), upgrade, b"").error(400, "BAD_REQUEST");
    }
    server.client().get(&format!("/tunnel/{port}")).error(400, "BAD_REQUEST");
}

#[test]
fn a_request_is_passed_on_with_its_path_as_it_is() {
    let server = Server::start();
    let listener = listen("127.0.0.1");
    let port = listener.local_addr().unwrap().port();
    serve_with(listener, |mut stream| {
        let head = read_head(&mut stream);
        write!(stream, "HTTP/1.1 201 Created\r\nContent-Length: {}\r\nX-Own: 1\r\n\r\n{head}", head.len())
            .unwrap();
    });
    let headers = "X-Kept: yes\r\nConnection: x-dropped\r\nX-Dropped: yes\r\n";
    let path = format!("/proxy/{port}/a%2Fb//c?x=%20&y");
    let answer = server.client().request("PUT", &path, headers, b"");
    assert_eq!((answer.status, answer.header("x-own")), (201, Some("1")));
    let seen = String::from_utf8(answer.body).unwrap().to_lowercase();
    assert!(seen.starts_with("put /a%2fb//c?x=%20&y http/1.1\r\n"), "{seen}");
    assert!(seen.contains("x-kept: yes") && !seen.contains("x-dropped"), "{seen}");
    let root = server.client().get(&format!("/proxy/{port}"));
    assert!(root.body.starts_with(b"GET / HTTP/1.1"), "{root:?}");
}

#[test]
fn a_request_to_nobody_or_to_nonsense_is_a_bad_gateway() {
    let server = Server::start();
    let (_taken, free) = reserve();
    server.client().get(&format!("/proxy/{free}/")).error(502, "BAD_GATEWAY");
    let listener = listen("127.0.0.1");
    let port = listener.local_addr().unwrap().port();
    serve_with(listener, |mut stream| stream.write_all(b"SSH-2.0-x\r\n").unwrap());
    server.client().get(&format!("/proxy/{port}/")).error(502, "BAD_GATEWAY");
    server.client().get("/proxy/0/").error(400, "BAD_REQUEST");
}

#[test]
fn a_switched_connection_goes_through() {
    let server = Server::start();
    let listener = listen("127.0.0.1");
    let port = listener.local_addr().unwrap().port();
    serve_with(listener, |mut stream| {
        let head = read_head(&mut stream).to_lowercase();
        assert!(head.contains("upgrade: own"), "{head}");
        stream
            .write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: own\r\n\r\n")
            .unwrap();
        let mut line = [0; 3];
        stream.read_exact(&mut line).unwrap();
        stream.write_all(&line).unwrap();
    });
    let mut client = server.client();
    client.send(
        "GET",
        &format!("/proxy/{port}/ws"),
        "Connection: keep-alive, Upgrade\r\nUpgrade: own\r\n",
        b"",
    );
    let head = String::from_utf8(client.read_raw_until(b"\r\n\r\n")).unwrap().to_lowercase();
    assert!(head.starts_with("http/1.1 101") && head.contains("upgrade: own"), "{head}");
    client.write(b"abc");
    assert_eq!(client.read_to_end(), b"abc");
}

#[test]
fn metrics_tell_what_can_be_seen() {
    let metrics = Server::start().client().get("/system/metrics").ok(200);
    assert!(metrics["cpuCount"].is_u64() && metrics["memTotal"].is_u64(), "{metrics}");
    assert!(metrics["timestampUnix"].is_i64() && metrics["timestamp"].is_string(), "{metrics}");
}
