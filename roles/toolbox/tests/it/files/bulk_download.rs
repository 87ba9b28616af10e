//! Bulk downloads.

use std::os::unix::fs::FileExt;

use serde_json::{Value, json};

use crate::client::Client;
use crate::server::Server;

/// One part as it stands in the body.
#[derive(Debug)]
struct Part {
    head: Vec<u8>,
    content: Vec<u8>,
}

impl Part {
    fn has(&self, text: &[u8]) -> bool {
        self.head.windows(text.len()).any(|window| window == text)
    }
}

fn ask(client: &mut Client, paths: &[&str]) -> (String, Vec<u8>) {
    let answer = client.post_json("/files/bulk-download", &json!({"paths": paths}));
    assert_eq!(answer.status, 200);
    let boundary =
        answer.header("content-type").unwrap().strip_prefix("multipart/form-data; boundary=").unwrap();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    assert!((1..=70).contains(&boundary.len()) && boundary.bytes().all(is_plain), "{boundary}");
    (boundary.to_owned(), answer.body)
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

fn parts(client: &mut Client, paths: &[&str]) -> Vec<Part> {
    let (boundary, body) = ask(client, paths);
    let delimiter = format!("\r\n--{boundary}");
    let mut rest = [b"\r\n", &body[..]].concat();
    let mut parts = Vec::new();
    loop {
        assert!(rest.starts_with(delimiter.as_bytes()));
        rest.drain(..delimiter.len());
        if rest == b"--\r\n" {
            return parts;
        }
        let end_of_head = find(&rest, b"\r\n\r\n").unwrap();
        let end = end_of_head + 4 + find(&rest[end_of_head + 4..], delimiter.as_bytes()).unwrap();
        parts.push(Part { head: rest[..end_of_head].to_vec(), content: rest[end_of_head + 4..end].to_vec() });
        rest.drain(..end);
    }
}

#[test]
fn files_and_errors_come_in_the_order_asked_for() {
    let server = Server::start();
    server.write("a.py", "print(1)");
    server.write("empty", "");
    let path = server.path("a.py");
    let paths = [path.to_str().unwrap(), "missing", "empty", ".", "", "/dev/zero", "a.py"];
    let parts = parts(&mut server.client(), &paths);
    assert_eq!(parts.len(), 7);
    assert!(parts[0].has(b"Content-Type: text/x-python\r\n"));
    assert!(parts[0].has(b"name=\"file\"; "));
    assert!(parts[0].has(b"\r\nContent-Length: 8"));
    assert_eq!(parts[0].content, b"print(1)");
    assert!(parts[2].has(b"\r\nContent-Length: 0"));
    assert_eq!(parts[2].content, b"");
    assert_eq!(parts[6].content, b"print(1)");
    for (index, status, code) in [
        (1, 404, "FILE_NOT_FOUND"),
        (3, 400, "INVALID_FILE_PATH"),
        (4, 400, "INVALID_FILE_PATH"),
        (5, 400, "INVALID_FILE_PATH"),
    ] {
        assert!(parts[index].has(b"Content-Type: application/json; charset=utf-8\r\n"));
        assert!(parts[index].has(b"name=\"error\"; "));
        let error: Value = serde_json::from_slice(&parts[index].content).unwrap();
        assert_eq!((&error["statusCode"], &error["code"]), (&json!(status), &json!(code)));
        assert_eq!(error["source"], "DAYTONA_DAEMON");
        assert_eq!(error["path"], paths[index]);
        assert_eq!(error["method"], "POST");
    }
}

#[test]
fn file_names_are_the_paths_asked_for_to_the_letter() {
    let server = Server::start();
    server.write("日本 é\"\\.txt", "x");
    let parts = parts(&mut server.client(), &["./日本 é\"\\.txt"]);
    assert_eq!(parts[0].content, b"x");
    assert!(parts[0].has(b"filename=\"./__ \xe9\\\"\\\\.txt\"; "), "{parts:?}");
    assert!(parts[0].has(b"filename*=utf-8''.%2F%E6%97%A5%E6%9C%AC%20%C3%A9%22%5C.txt"), "{parts:?}");
}

#[test]
fn the_same_path_twice_is_answered_twice() {
    let server = Server::start();
    server.write("f", "x");
    assert_eq!(parts(&mut server.client(), &["f", "f"]).len(), 2);
}

#[test]
fn nothing_asked_for_is_refused() {
    let server = Server::start();
    let mut client = server.client();
    for body in [json!({}), json!({"paths": []}), json!({"paths": null})] {
        client.post_json("/files/bulk-download", &body).error(400, "BAD_REQUEST");
    }
    client.post_json("/files/bulk-download", &json!({"paths": "f"})).error(400, "INVALID_REQUEST_BODY");
}

#[test]
fn a_file_that_shrinks_meanwhile_ends_the_answer_without_its_boundary() {
    let server = Server::start();
    let path = server.write("shrinks", "");
    let file = std::fs::File::options().write(true).open(path).unwrap();
    // Larger than what lies in buffers on the way while nobody reads.
    let length = 64 << 20;
    file.set_len(length).unwrap();
    file.write_all_at(b"begin", 0).unwrap();
    let mut client = server.client();
    let request = json!({"paths": ["shrinks"]}).to_string();
    let headers = format!("Content-Length: {}\r\n", request.len());
    client.send("POST", "/files/bulk-download", &headers, request.as_bytes());
    let begun = client.read_raw_until(b"begin");
    assert!(begun.starts_with(b"HTTP/1.1 200 "));
    file.set_len(10).unwrap();
    // The last chunk of the answer, whose framing is whole: only its content is not.
    let rest = client.read_raw_until(b"\r\n0\r\n\r\n");
    assert!((rest.len() as u64) < length);
    assert!(find(&rest, b"\r\n--paddock").is_none(), "it was closed as if it were whole");
    assert_eq!(client.get("/version").status, 200);
}
