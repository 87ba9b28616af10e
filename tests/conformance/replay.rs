//! Clients that cannot run here, played by a raw one that sends their bytes: Go, Java, Ruby, the command line, browsers,
//! and SDKs of years ago (`spec/toolbox.md` I.5, J.1).

use std::io::{Read, Write};
use std::net::TcpStream;

use paddock_tests::api::{Api, Sandbox};
use paddock_tests::server::Server;
use paddock_tests::socket::{Ended, Socket};
use serde_json::{Value, json};

const OUT: &[u8] = b"\x01\x01\x01";
const ERR: &[u8] = b"\x02\x02\x02";

/// A raw answer: status, content type and body.
type Raw = (u16, String, Vec<u8>);

/// One request with just these headers beside the key.
fn raw(api: &Api, method: &str, url: &str, headers: &str, body: &[u8]) -> Raw {
    let (authority, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let mut stream = TcpStream::connect(authority).unwrap();
    let head = format!(
        "{method} /{path} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
         Content-Length: {}\r\n{headers}\r\n",
        api.key,
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut whole = Vec::new();
    stream.read_to_end(&mut whole).unwrap();
    let end = whole.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&whole[..end]).to_lowercase();
    let header =
        |name: &str| head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut body = whole[end + 4..].to_vec();
    if header("transfer-encoding").is_some() {
        body = unchunk(&body);
    }
    (status, header("content-type").unwrap_or_default(), body)
}

fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        whole.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[(end + 4 + size).min(bytes.len())..];
    }
    whole
}

fn toolbox(api: &Api, sandbox: &Sandbox) -> String {
    format!("{}/toolbox/{}", api.proxy_url, sandbox.id)
}

/// A session `s` with a finished command, and its id.
fn finished_command(api: &Api, sandbox: &Sandbox, command: &str) -> String {
    api.toolbox("POST", &sandbox.id, "/process/session", Some(&json!({"sessionId": "s"}))).expect(201);
    let body = json!({"command": command});
    let done = api.toolbox("POST", &sandbox.id, "/process/session/s/exec", Some(&body)).expect(200);
    done["cmdId"].as_str().unwrap().to_owned()
}

/// Ruby's way: each message split alone, what is before its first marker lost.
fn split_each(ended: &Ended) -> (String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    for frame in &ended.binary {
        assert!(frame.starts_with(OUT) || frame.starts_with(ERR), "a frame without a marker: {frame:?}");
        let mut to_err = false;
        let mut at = 0;
        while at < frame.len() {
            if frame[at..].starts_with(OUT) || frame[at..].starts_with(ERR) {
                to_err = frame[at] == 2;
                at += 3;
            } else {
                if to_err { &mut err } else { &mut out }.push(frame[at]);
                at += 1;
            }
        }
    }
    (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

const BOTH_STREAMS: &str =
    "echo äöü; echo problem >&2; head -c 150000 /dev/zero | tr '\\0' 'x'; echo; echo last";

fn assert_both_streams(ended: &Ended) {
    let (out, err) = split_each(ended);
    assert_eq!(err, "problem\n");
    assert!(out.starts_with("äöü\n") && out.ends_with("x\nlast\n"), "{}", out.len());
    assert_eq!(out.matches('x').count(), 150_000);
    assert_eq!(ended.code, Some(1000));
}

#[test]
fn java_follows_labelled_logs_though_it_names_no_version() {
    let api = &Server::shared().api;
    let sandbox = api.sandbox(&json!({}));
    let command = finished_command(api, &sandbox, BOTH_STREAMS);
    let url = format!("{}/process/session/s/command/{command}/logs?follow=true", toolbox(api, &sandbox));
    let key = format!("Bearer {}", api.key);
    let ended = Socket::connect(&url, &[("authorization", &key), ("user-agent", "okhttp/4.12.0")]).finish();
    assert_both_streams(&ended);
}

#[test]
fn ruby_follows_logs_at_the_preview_address_of_the_toolbox() {
    let api = &Server::shared().api;
    let sandbox = api.sandbox(&json!({}));
    let command = finished_command(api, &sandbox, BOTH_STREAMS);
    let preview = api.get(&format!("/sandbox/{}/ports/2280/preview-url", sandbox.id)).expect(200);
    let (url, token) = (preview["url"].as_str().unwrap(), preview["token"].as_str().unwrap());
    let logs = format!("/process/session/s/command/{command}/logs?follow=true");
    let headers = [
        ("x-daytona-preview-token", token),
        ("x-daytona-source", "sdk-ruby"),
        ("x-daytona-sdk-version", "0.205.1"),
    ];
    assert_both_streams(&Socket::connect(&format!("{url}{logs}"), &headers).finish());
    // The same where the preview has a host name of its own.
    let host = format!("2280-{}.localhost", sandbox.id);
    let with_host = [headers.as_slice(), &[("host", host.as_str())]].concat();
    assert_both_streams(&Socket::connect(&format!("{}{logs}", api.proxy_url), &with_host).finish());
}

#[test]
fn every_age_of_client_gets_logs_in_its_own_form() {
    let api = &Server::shared().api;
    let sandbox = api.sandbox(&json!({}));
    let command = finished_command(api, &sandbox, "echo out; echo err >&2");
    let url = format!("{}/process/session/s/command/{command}/logs", toolbox(api, &sandbox));
    let marked = [OUT, b"out\n", ERR, b"err\n"].concat();
    let marked_otherwise = [ERR, b"err\n", OUT, b"out\n"].concat();
    let is_marked = |bytes: &[u8]| bytes == marked || bytes == marked_otherwise;
    let plain = |bytes: &[u8]| bytes == b"out\nerr\n" || bytes == b"err\nout\n";
    for headers in ["", "X-Daytona-SDK-Version: 0.25.6\r\nX-Daytona-Source: sdk-python\r\n"] {
        let (status, kind, body) = raw(api, "GET", &url, headers, b"");
        assert!(status == 200 && kind.starts_with("text/plain") && plain(&body), "{headers} {kind} {body:?}");
    }
    for version in ["0.27.0", "0.100.0", "0.166.9", "0.150.0"] {
        let headers = format!("X-Daytona-SDK-Version: {version}\r\n");
        let (status, kind, body) = raw(api, "GET", &url, &headers, b"");
        assert!(
            status == 200 && kind.starts_with("text/plain") && is_marked(&body),
            "{version} {kind} {body:?}"
        );
    }
    for headers in [
        "X-Daytona-SDK-Version: 0.167.0\r\n",
        "X-Daytona-SDK-Version: 0.167.0a1\r\n",
        "X-Daytona-SDK-Version: 0.226.1\r\n",
        "X-Daytona-SDK-Version: 0.0.0-dev\r\n",
        "X-Daytona-SDK-Version: what\r\n",
    ] {
        let (status, kind, body) = raw(api, "GET", &url, headers, b"");
        assert!(status == 200 && kind.starts_with("application/json"), "{headers} {kind}");
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&body["stdout"], &body["stderr"]), (&json!("out\n"), &json!("err\n")), "{headers}");
        assert!(is_marked(body["output"].as_str().unwrap().as_bytes()), "{headers} {body}");
    }
    let (_, _, split) = raw(api, "GET", &url, "X-Daytona-Split-Output: true\r\n", b"");
    assert!(is_marked(&split), "a dashboard asks without a version: {split:?}");
}

#[test]
fn an_old_sdk_follows_over_http_through_the_api() {
    let api = &Server::shared().api;
    let sandbox = api.sandbox(&json!({}));
    let base = format!("{}/toolbox/{}/toolbox", api.api_url, sandbox.id);
    let headers = "X-Daytona-SDK-Version: 0.100.0\r\nX-Daytona-Source: sdk-python\r\nContent-Type: application/json\r\n";
    let ask = |method: &str, path: &str, body: Value| {
        let (status, _, answer) =
            raw(api, method, &format!("{base}{path}"), headers, body.to_string().as_bytes());
        (status, serde_json::from_slice::<Value>(&answer).unwrap_or_default())
    };
    assert_eq!(ask("POST", "/process/session", json!({"sessionId": "old"})).0, 201);
    let (status, started) = ask(
        "POST",
        "/process/session/old/exec",
        json!({"command": "pwd; sleep 0.5; echo end", "async": true}),
    );
    assert_eq!(status, 202, "{started}");
    let logs =
        format!("{base}/process/session/old/command/{}/logs?follow=true", started["cmdId"].as_str().unwrap());
    let (status, kind, body) = raw(api, "GET", &logs, headers, b"");
    assert_eq!((status, kind.as_str()), (200, "application/octet-stream"));
    // Before 0.103 a session begins in the home directory, which is the work directory here.
    let text: Vec<u8> = body.split(|&byte| byte == 1).flatten().copied().collect();
    assert_eq!(String::from_utf8(text).unwrap(), "/home/daytona\nend\n");
    assert_eq!(ask("GET", "/files/", Value::Null).0, 200);
    assert_eq!(ask("GET", "/project-dir", Value::Null).1["dir"], "/home/daytona");
}

#[test]
fn an_old_go_client_gets_no_field_that_it_does_not_know() {
    let api = &Server::shared().api;
    let sandbox = api.sandbox(&json!({}));
    sandbox.output("git init -q -b main r && cd r && git config user.email a@b && git config user.name a && git commit -q --allow-empty -m x");
    let keys = |path: &str, version: &str| {
        let headers = format!("X-Daytona-Source: sdk-go\r\nX-Daytona-SDK-Version: {version}\r\n");
        let (status, _, body) = raw(api, "GET", &format!("{}{path}", toolbox(api, &sandbox)), &headers, b"");
        assert_eq!(status, 200, "{path}");
        let body: Value = serde_json::from_slice(&body).unwrap();
        let object = body.get(0).unwrap_or(&body).as_object().unwrap().clone();
        object.keys().cloned().collect::<Vec<String>>()
    };
    for (path, unknown) in [
        ("/git/branches?path=r", &["current"] as &[&str]),
        ("/git/status?path=r", &["detached", "upstream"]),
        ("/files?path=.", &["modifiedAt", "path"]),
        ("/files/info?path=r", &["modifiedAt", "path"]),
    ] {
        let old = keys(path, "0.187.0");
        assert!(unknown.iter().all(|field| !old.contains(&(*field).to_owned())), "{path} {old:?}");
        let new = keys(path, "0.205.1");
        assert!(new.len() > old.len(), "{path} {new:?}");
    }
}

#[test]
fn the_command_line_sends_a_limit_with_a_fraction_and_expects_200() {
    let api = &Server::shared().api;
    let sandbox = api.sandbox(&json!({}));
    let headers =
        "X-Daytona-Source: cli\r\nX-Daytona-CLI-Version: 0.205.1\r\nContent-Type: application/json\r\n";
    let body = br#"{"command":"'sh' '-c' 'echo hi; exit 3'","timeout":30.0}"#;
    let (status, _, answer) =
        raw(api, "POST", &format!("{}/process/execute", toolbox(api, &sandbox)), headers, body);
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!((status, answer), (200, json!({"exitCode": 3, "result": "hi\n"})));
}

#[test]
fn go_ruby_and_java_move_single_files_in_both_generations() {
    let api = &Server::shared().api;
    let sandbox = api.sandbox(&json!({}));
    let base = toolbox(api, &sandbox);
    let multipart = "Content-Type: multipart/form-data; boundary=b\r\n";
    let body =
        b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\nhello\r\n--b--\r\n";
    let (status, _, answer) =
        raw(api, "POST", &format!("{base}/files/upload-v2?path=d/new.txt"), multipart, body);
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!((status, answer), (200, json!({"name": "new.txt", "path": "d/new.txt", "type": "file"})));
    let (status, _, answer) =
        raw(api, "POST", &format!("{base}/files/upload?path=d/old.txt"), multipart, body);
    assert_eq!((status, answer.as_slice()), (200, b"".as_slice()));
    for name in ["new", "old"] {
        let (status, _, content) =
            raw(api, "GET", &format!("{base}/files/download?path=d/{name}.txt"), "", b"");
        assert_eq!((status, content.as_slice()), (200, b"hello".as_slice()));
    }
}

/// The messages and the end of a terminal whose shell exits with 3.
fn ended_terminal(
    api: &Api,
    sandbox: &Sandbox,
    id: &str,
    protocols: &[(&str, &str)],
) -> (Option<String>, Ended) {
    let url = format!("{}/process/pty/create-connect?id={id}&cols=90&rows=20", toolbox(api, sandbox));
    let key = format!("Bearer {}", api.key);
    let mut socket = Socket::connect(&url, &[&[("authorization", key.as_str())], protocols].concat());
    let first = socket.receive().into_text().unwrap().to_string();
    assert_eq!(first, r#"{"type":"control","status":"connected"}"#);
    socket.send(b"exit 3\n");
    (socket.protocol.clone(), socket.finish())
}

#[test]
fn a_terminals_end_is_told_in_the_way_that_each_client_knows() {
    let api = &Server::shared().api;
    let sandbox = api.sandbox(&json!({}));
    let reason = json!({"exitCode": 3, "exitReason": "non-zero exit"});
    let (protocol, old) = ended_terminal(api, &sandbox, "old", &[]);
    assert_eq!((protocol, old.texts.len(), old.code), (None, 0, Some(1011)), "{old:?}");
    assert_eq!(serde_json::from_str::<Value>(&old.reason).unwrap(), reason);
    let offered = [("sec-websocket-protocol", "X-Daytona-SDK-Version~0.205.1, X-Daytona-Pty-Exit-Control")];
    let (protocol, new) = ended_terminal(api, &sandbox, "new", &offered);
    assert_eq!((protocol.as_deref(), new.code), (Some("X-Daytona-Pty-Exit-Control"), Some(1000)), "{new:?}");
    let exited: Value = serde_json::from_str(&new.texts[0]).unwrap();
    assert_eq!((&exited["status"], &exited["exitCode"]), (&json!("exited"), &json!(3)));
}

#[test]
fn a_browser_comes_with_a_token_in_the_address_and_its_version_as_a_protocol() {
    let api = &Server::shared().api;
    let sandbox = api.sandbox(&json!({}));
    let token = api.get(&format!("/sandbox/{}/ports/1/preview-url", sandbox.id)).expect(200)["token"].clone();
    let base = toolbox(api, &sandbox);
    let url =
        format!("{base}/process/interpreter/execute?DAYTONA_SANDBOX_AUTH_KEY={}", token.as_str().unwrap());
    let version = "X-Daytona-SDK-Version~0.216.0";
    let headers = [("sec-websocket-protocol", version), ("origin", "https://app.example.com")];
    let mut socket = Socket::connect(&url, &headers);
    assert_eq!(socket.protocol.as_deref(), Some(version));
    socket.send_text(r#"{"code": "print(42)"}"#);
    let ended = socket.finish();
    assert_eq!((ended.code, ended.texts.len()), (Some(1000), 2), "{ended:?}");
    assert!(ended.texts[0].contains(r#""text":"42\n""#), "{ended:?}");
}
