//! Single downloads.

use std::time::{Duration, UNIX_EPOCH};

use crate::server::Server;

#[test]
fn a_file_comes_with_the_headers_that_clients_read() {
    let server = Server::start();
    let path = server.write("a \"€\" é.txt", "0123456789");
    std::fs::File::open(path).unwrap().set_modified(UNIX_EPOCH + Duration::from_secs(1_781_277_253)).unwrap();
    let target = "/files/download?path=a%20%22%E2%82%AC%22%20%C3%A9.txt";
    let mut client = server.client();
    let answer = client.get(target);
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"0123456789"[..]));
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    assert_eq!(answer.header("content-length"), Some("10"));
    assert_eq!(answer.header("accept-ranges"), Some("bytes"));
    assert_eq!(answer.header("last-modified"), Some("Fri, 12 Jun 2026 15:14:13 GMT"));
    let disposition =
        b"attachment; filename=\"a ___ \xe9.txt\"; filename*=utf-8''a%20%22%E2%82%AC%22%20%C3%A9.txt";
    assert_eq!(answer.header_bytes("content-disposition"), Some(&disposition[..]));

    let head = client.request("HEAD", target, "", b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
    for name in ["content-type", "content-length", "accept-ranges", "last-modified"] {
        assert_eq!(head.header(name), answer.header(name), "{name}");
    }
    assert_eq!(client.get("/version").status, 200, "nothing of a body follows a HEAD");
}

#[test]
fn ranges_are_parts_and_impossible_ones_are_told() {
    let server = Server::start();
    server.write("f", "0123456789");
    let mut client = server.client();
    let mut ask =
        |range: &str| client.request("GET", "/files/download?path=f", &format!("Range: {range}\r\n"), b"");
    for (range, content_range, body) in [
        ("bytes=2-4", "bytes 2-4/10", "234"),
        ("bytes=7-", "bytes 7-9/10", "789"),
        ("bytes=-2", "bytes 8-9/10", "89"),
    ] {
        let answer = ask(range);
        assert_eq!((answer.status, answer.body.as_slice()), (206, body.as_bytes()), "{range}");
        assert_eq!(answer.header("content-range"), Some(content_range));
    }
    let answer = ask("bytes=10-");
    assert_eq!(answer.header("content-range"), Some("bytes */10"));
    answer.error(416, "BAD_REQUEST");
    assert_eq!(ask("bytes=1-2,4-5").body, b"0123456789");
}

#[test]
fn a_file_that_is_known_already_is_not_sent_again() {
    let server = Server::start();
    let path = server.write("f", "x");
    std::fs::File::open(path)
        .unwrap()
        .set_modified(UNIX_EPOCH + Duration::new(1_781_277_253, 900_000_000))
        .unwrap();
    let mut client = server.client();
    let mut ask = |headers: &str| client.request("GET", "/files/download?path=f", headers, b"").status;
    assert_eq!(ask("If-Modified-Since: Fri, 12 Jun 2026 15:14:13 GMT\r\n"), 304);
    assert_eq!(ask("If-Modified-Since: Fri, 12 Jun 2026 15:14:12 GMT\r\n"), 200);
    assert_eq!(ask("If-Modified-Since: yesterday\r\n"), 200);
    assert_eq!(ask("Range: bytes=0-0\r\nIf-Range: Fri, 12 Jun 2026 15:14:13 GMT\r\n"), 206);
    assert_eq!(ask("Range: bytes=0-0\r\nIf-Range: Fri, 12 Jun 2026 15:14:12 GMT\r\n"), 200);
}

#[test]
fn times_that_http_cannot_write_are_left_out() {
    let server = Server::start();
    let path = server.write("f", "x");
    std::fs::File::open(path).unwrap().set_modified(UNIX_EPOCH - Duration::from_secs(1_000_000)).unwrap();
    let answer = server.client().get("/files/download?path=f");
    assert_eq!((answer.status, answer.header("last-modified")), (200, None));
}

#[test]
fn what_is_no_file_is_told() {
    let server = Server::start();
    std::fs::create_dir(server.path("directory")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        server.path("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(server.path("socket")).unwrap();
    let mut client = server.client();
    client.get("/files/download").error(400, "BAD_REQUEST");
    client.get("/files/download?path=directory").error(400, "INVALID_FILE_PATH");
    client.get("/files/download?path=pipe").error(400, "INVALID_FILE_PATH");
    client.get("/files/download?path=socket").error(400, "INVALID_FILE_PATH");
    client.get("/files/download?path=/dev/zero").error(400, "INVALID_FILE_PATH");
    client.get("/files/download?path=no").error(404, "FILE_NOT_FOUND");
    server.write("file", "");
    std::os::unix::fs::symlink("loop", server.path("loop")).unwrap();
    let long = "x".repeat(300);
    for path in ["file/in", "loop", &long, "nul%00byte"] {
        client.get(&format!("/files/download?path={path}")).error(400, "INVALID_FILE_PATH");
    }
}

#[test]
fn a_large_file_comes_whole() {
    let server = Server::start();
    let content: Vec<u8> = (0..=250_u8).cycle().take(5_000_001).collect();
    server.write("large", &content);
    assert!(server.client().get("/files/download?path=large").body == content);
}
