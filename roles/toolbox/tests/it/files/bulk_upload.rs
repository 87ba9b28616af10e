//! Bulk uploads.

use serde_json::json;

use crate::server::{Server, eventually};

const QUOTED: &str = "Content-Type: multipart/form-data; boundary=\"b\"\r\n";

fn part(name: &str, content: &[u8]) -> Vec<u8> {
    let head =
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"ignored\"\r\n\r\n");
    [head.as_bytes(), content, b"\r\n"].concat()
}

fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body: Vec<u8> = parts.iter().flat_map(|(name, content)| part(name, content)).collect();
    body.extend_from_slice(b"--b--\r\n");
    body
}

#[test]
fn paths_may_come_first_or_in_turn_with_gaps_in_the_numbers() {
    let server = Server::start();
    let mut client = server.client();
    let body = form(&[
        ("files[0].path", b" a/first "),
        ("files[17].path", b"second"),
        ("files[17].file", b"2"),
        ("files[0].file", b"one"),
        ("other", b"ignored"),
        ("files[3].path", b"third"),
        ("files[3].file", b""),
    ]);
    let answer = client.request("POST", "/files/bulk-upload", QUOTED, &body).ok(200);
    let files = json!([{"path": "second", "bytes": 1}, {"path": "a/first", "bytes": 3}, {"path": "third", "bytes": 0}]);
    assert_eq!(answer, json!({"files": files}));
    assert_eq!(server.read("a/first"), b"one");
    assert_eq!(server.read("third"), b"");
}

#[test]
fn a_chunked_body_of_any_cut_is_stored_with_every_byte() {
    let server = Server::start();
    let mut client = server.client();
    let content: Vec<u8> = (0..=255_u8).cycle().take(3_000_000).collect();
    let body = form(&[("files[0].path", b"big"), ("files[0].file", &content)]);
    let headers = "Content-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n";
    client.send("POST", "/files/bulk-upload", headers, b"");
    for chunk in body.chunks(70_001) {
        client.chunk(chunk);
    }
    client.chunk(b"");
    let answer = client.answer("POST").ok(200);
    assert_eq!(answer["files"][0]["bytes"], 3_000_000);
    assert!(server.read("big") == content);
}

#[test]
fn one_failure_does_not_stop_the_others() {
    let server = Server::start();
    server.write("file", "");
    let mut client = server.client();
    let large = vec![b'x'; 2 << 20];
    let body = form(&[
        ("files[0].path", b"file/in"),
        ("files[0].file", &large),
        ("files[1].file", &large),
        ("files[2].path", b""),
        ("files[3].path", b"\xff"),
        ("files[4].path", b"good"),
        ("files[4].file", b"good"),
        ("files[5].path", b"/dev"),
        ("files[5].file", b"x"),
    ]);
    let answer = client.request("POST", "/files/bulk-upload", QUOTED, &body);
    assert_eq!(answer.status, 400);
    let answer = answer.json();
    let errors = json!([
        "file/in: not a directory",
        "files[1].file: no path came before it",
        "files[2].path: empty",
        "files[3].path: not UTF-8",
        "/dev: is a directory",
    ]);
    assert_eq!(answer["errors"], errors);
    assert_eq!(answer["files"], json!([{"path": "good", "bytes": 4}]));
    assert_eq!(answer["statusCode"], 400);
    assert_eq!(answer["code"], "BAD_REQUEST");
    assert_eq!(answer["source"], "DAYTONA_DAEMON");
    assert!(answer["message"].as_str().unwrap().starts_with("file/in: not a directory, files[1]"));
    assert_eq!(server.read("good"), b"good");
}

#[test]
fn what_is_no_form_is_refused_after_the_whole_body() {
    let server = Server::start();
    let mut client = server.client();
    let large = vec![b'x'; 3 << 20];
    for headers in ["", "Content-Type: application/json\r\n", "Content-Type: multipart/form-data\r\n"] {
        let answer = client.request("POST", "/files/bulk-upload", headers, &large);
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json()["errors"], json!(["invalid multipart form"]));
    }
    // A form by its name, with no boundary inside: nothing of it may be held.
    let answer = client.request("POST", "/files/bulk-upload", QUOTED, &large);
    assert_eq!(answer.json()["errors"], json!(["the form is cut short"]));
}

#[test]
fn an_upload_that_is_cut_leaves_the_old_file_and_what_was_whole() {
    let server = Server::start();
    server.write("old", "old");
    let mut client = server.client();
    let mut body = [part("files[0].path", b"whole"), part("files[0].file", b"whole")].concat();
    body.extend(part("files[1].path", b"old"));
    body.extend_from_slice(b"--b\r\nContent-Disposition: form-data; name=\"files[1].file\"\r\n\r\n");
    body.extend_from_slice(&vec![b'n'; 1 << 20]);
    client.send("POST", "/files/bulk-upload", &format!("{QUOTED}Content-Length: 100000000\r\n"), &body);
    eventually("the second file has begun", || (server.names().len() == 3).then_some(()));
    drop(client);
    eventually("the temporary file is gone", || (server.names() == ["old", "whole"]).then_some(()));
    assert_eq!(server.read("old"), b"old");
}

#[test]
fn a_form_that_ends_inside_a_file_names_that_file() {
    let server = Server::start();
    let body = form(&[("files[0].path", b"f"), ("files[0].file", b"content")]);
    let answer = server.client().request("POST", "/files/bulk-upload", QUOTED, &body[..body.len() - 12]);
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["errors"], json!(["f: the form is cut short"]));
    assert_eq!(server.names(), [""; 0]);
}
