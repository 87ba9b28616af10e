//! What every operation has in common: information, unknown routes, bad bodies.

use serde_json::json;

use crate::server::Server;

#[test]
fn the_daemon_tells_its_version_and_directories() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(client.get("/version").ok(200), json!({"version": env!("CARGO_PKG_VERSION")}));
    let work = server.work();
    assert_eq!(client.get("/work-dir").ok(200), json!({"dir": work}));
    assert_eq!(client.get("/user-home-dir").ok(200), json!({"dir": work.parent().unwrap()}));
    // An old name for the home, whatever it sounds like.
    assert_eq!(client.get("/project-dir").ok(200), json!({"dir": work.parent().unwrap()}));
}

#[test]
fn a_home_that_is_not_known_is_an_error() {
    let server = Server::start_with(|config| config.home = None);
    server.client().get("/user-home-dir").error(500, "INTERNAL_SERVER_ERROR");
}

#[test]
fn unknown_routes_and_methods_are_not_found_with_the_error_body() {
    let server = Server::start();
    let mut client = server.client();
    let body = {
        let answer = client.request("PUT", "/process/execute?x=%20y", "", b"");
        assert_eq!(answer.status, 404);
        answer.json()
    };
    assert_eq!(body["path"], "/process/execute");
    assert_eq!(body["method"], "PUT");
    assert_eq!(body["message"], "not found: no operation PUT /process/execute");
    client.get("/nothing/here").error(404, "NOT_FOUND");
    client.get("/version/").error(404, "NOT_FOUND");
}

#[test]
fn a_body_that_is_no_json_is_told_and_the_connection_goes_on() {
    let server = Server::start();
    let mut client = server.client();
    let answer = client.request("POST", "/process/execute", "Content-Type: application/json\r\n", b"{");
    assert!(answer.error(400, "INVALID_REQUEST_BODY").starts_with("invalid body request: "));
    client.post_json("/process/execute", &json!({})).error(400, "INVALID_REQUEST_BODY");
    client.post_json("/process/execute", &json!({"command": 1})).error(400, "INVALID_REQUEST_BODY");
    assert_eq!(client.get("/version").status, 200);
}

#[test]
fn a_body_that_is_too_long_is_read_to_its_end_and_refused() {
    let server = Server::start();
    let mut client = server.client();
    let body = vec![b' '; 65 << 20];
    client.request("POST", "/process/execute", "", &body).error(400, "INVALID_REQUEST_BODY");
    assert_eq!(client.get("/version").status, 200);
}
