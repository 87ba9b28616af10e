//! The proxy between a real client socket and a toolbox of the test's own.
//!
//! Cast: a *control* that knows one sandbox, one key and one token; a *runner* that hands out connections; a *toolbox* that
//! answers with what it was asked, streams when told to, and switches protocols. All in this process, on sockets
//! of a temporary directory.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on, fails")]

mod cast;

use std::time::Duration;

use cast::{KEY, OTHER_KEY, SANDBOX, STOPPED, Stage, TOKEN};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn bearer(key: &str) -> String {
    format!("authorization: Bearer {key}\r\n")
}

#[tokio::test]
async fn a_request_arrives_as_it_was_sent_less_every_credential() {
    let stage = Stage::start().await;
    let path = format!("/toolbox/{SANDBOX}/files/a%2Fb?path=%2Ftmp&DAYTONA_SANDBOX_AUTH_KEY={TOKEN}");
    let headers = format!(
        "{}x-daytona-preview-token: {TOKEN}\r\nx-own: kept\r\nx-daytona-disable-cors: true\r\n",
        bearer(KEY)
    );
    let answer = stage.request("PUT", &path, &headers, b"the body").await;
    assert_eq!(answer.status, 200);
    let seen = answer.text();
    assert!(seen.starts_with("PUT /files/a%2Fb?path=%2Ftmp\n"), "{seen}");
    assert!(seen.contains("x-own: kept") && seen.ends_with("the body"), "{seen}");
    assert!(seen.contains("x-forwarded-host: proxy.test"), "{seen}");
    for secret in [KEY, TOKEN, "authorization", "x-daytona-"] {
        assert!(!seen.contains(secret), "{secret} in {seen}");
    }
}

#[tokio::test]
async fn who_may_not_come_in_is_told_by_the_rules() {
    let stage = Stage::start().await;
    let unknown = "00000000-0000-4000-8000-000000000009";
    for (sandbox, headers, status) in [
        (SANDBOX, String::new(), 401),
        (SANDBOX, bearer("nobody"), 401),
        (SANDBOX, "authorization: Basic eDp5\r\n".to_owned(), 401),
        (SANDBOX, "x-daytona-preview-token: wrong\r\n".to_owned(), 401),
        (unknown, bearer(KEY), 404),
        (SANDBOX, bearer(OTHER_KEY), 404),
        (STOPPED, bearer(KEY), 400),
        (SANDBOX, bearer(KEY), 200),
        (SANDBOX, format!("x-daytona-preview-token: {TOKEN}\r\n"), 200),
        (SANDBOX, format!("{}x-daytona-preview-token: {TOKEN}\r\n", bearer("nobody")), 200),
    ] {
        let answer = stage.request("GET", &format!("/toolbox/{sandbox}/version"), &headers, b"").await;
        assert_eq!(answer.status, status, "{sandbox} {headers}");
        if status >= 400 {
            let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(body["statusCode"], status);
            assert_eq!(body["source"], "DAYTONA_PROXY");
            assert!(
                body["message"].is_string() && body["error"].is_string() && body["code"].is_string(),
                "{body}"
            );
        }
    }
    let stopped = stage.request("GET", &format!("/toolbox/{STOPPED}/version"), &bearer(KEY), b"").await;
    assert!(stopped.text().contains("stopped"), "{}", stopped.text());
}

#[tokio::test]
async fn a_token_in_the_address_becomes_a_cookie_that_lets_in() {
    let stage = Stage::start().await;
    let path = format!("/toolbox/{SANDBOX}/version?DAYTONA_SANDBOX_AUTH_KEY={TOKEN}");
    let answer = stage.request("GET", &path, "", b"").await;
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("Max-Age=3600"), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    let again = stage
        .request("GET", &format!("/toolbox/{SANDBOX}/version"), &format!("cookie: {pair}\r\n"), b"")
        .await;
    assert_eq!(again.status, 200);
}

#[tokio::test]
async fn browsers_may_call_from_anywhere() {
    let stage = Stage::start().await;
    let path = format!("/toolbox/{SANDBOX}/version");
    let asked = "origin: https://app.test\r\naccess-control-request-method: POST\r\naccess-control-request-headers: x-a, x-b\r\n";
    let answer = stage.request("OPTIONS", &path, asked, b"").await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin").as_deref(), Some("https://app.test"));
    assert_eq!(answer.header("access-control-allow-headers").as_deref(), Some("x-a, x-b"));
    let refused = stage.request("GET", &path, "origin: https://app.test\r\n", b"").await;
    assert_eq!(refused.status, 401);
    assert_eq!(
        refused.header("access-control-allow-origin").as_deref(),
        Some("https://app.test"),
        "also on errors"
    );
    let off = format!("{}origin: https://app.test\r\nx-daytona-disable-cors: true\r\n", bearer(KEY));
    assert_eq!(stage.request("GET", &path, &off, b"").await.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn bodies_flow_both_ways_while_they_are_made() {
    let stage = Stage::start().await;
    let mut stream = stage.connect().await;
    let head = format!(
        "POST /toolbox/{SANDBOX}/echo HTTP/1.1\r\nhost: proxy.test\r\n{}transfer-encoding: chunked\r\n\r\n",
        bearer(KEY)
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // Each piece must come back before the next is sent: a buffer anywhere would wait for ever.
    for piece in ["one", "two", "three"] {
        let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
        stream.write_all(chunk.as_bytes()).await.unwrap();
        cast::read_until(&mut stream, piece).await;
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    cast::read_until(&mut stream, "0\r\n\r\n").await;
}

#[tokio::test]
async fn a_switched_connection_carries_bytes_both_ways_and_ends_with_either_side() {
    let stage = Stage::start().await;
    let mut stream = stage.connect().await;
    let head = format!(
        "GET /toolbox/{SANDBOX}/switch HTTP/1.1\r\nhost: proxy.test\r\n{}connection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\
         sec-websocket-protocol: X-Daytona-SDK-Version~1.2.3, other\r\n\r\n",
        bearer(KEY)
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = cast::read_until(&mut stream, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    let lower = answer.to_lowercase();
    assert!(lower.contains("sec-websocket-protocol: x-daytona-sdk-version~1.2.3"), "{answer}");
    assert!(lower.contains("sec-websocket-accept:"), "{answer}");
    for piece in ["ping", "and again"] {
        stream.write_all(piece.as_bytes()).await.unwrap();
        cast::read_until(&mut stream, piece).await;
    }
    stream.write_all(b"bye").await.unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&rest).contains("bye"));
}

#[tokio::test]
async fn a_sandbox_that_does_not_answer_is_a_bad_gateway() {
    let stage = Stage::start().await;
    stage.close_sandbox();
    let answer = stage.request("GET", &format!("/toolbox/{SANDBOX}/version"), &bearer(KEY), b"").await;
    assert_eq!(answer.status, 502, "{}", answer.text());
}

#[tokio::test]
async fn use_is_recorded_unless_the_request_asks_not_to() {
    let stage = Stage::start().await;
    let path = format!("/toolbox/{SANDBOX}/version");
    let quiet = format!("{}x-daytona-skip-last-activity-update: true\r\n", bearer(KEY));
    stage.request("GET", &path, &quiet, b"").await;
    assert_eq!(stage.uses(), 0);
    stage.request("GET", &path, &bearer(KEY), b"").await;
    assert_eq!(stage.uses(), 1);
    stage.request("GET", &path, "", b"").await;
    assert_eq!(stage.uses(), 1, "who is refused has used nothing");
}

#[tokio::test]
async fn connections_to_a_sandbox_are_kept() {
    let stage = Stage::start().await;
    for _ in 0..10 {
        let answer = stage.request("GET", &format!("/toolbox/{SANDBOX}/version"), &bearer(KEY), b"").await;
        assert_eq!(answer.status, 200);
    }
    assert_eq!(stage.opened(), 1);
}

#[tokio::test]
async fn other_addresses_are_not_found() {
    let stage = Stage::start().await;
    assert_eq!(stage.request("GET", "/health", "", b"").await.status, 200);
    for path in ["/", "/toolbox", "/api/sandbox", "/internal/v1/authorize"] {
        assert_eq!(stage.request("POST", path, &bearer(KEY), b"").await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_port_is_reached_by_its_host_name_and_by_its_path() {
    let stage = Stage::start().await;
    let host = format!("3000-{SANDBOX}.proxy.test");
    let by_host = stage.request_at(&host, "PUT", "/a%2Fb?q", &bearer(KEY), b"the body").await;
    assert_eq!(by_host.status, 200, "{}", by_host.text());
    assert!(by_host.text().starts_with("PUT /a%2Fb?q\n"), "{}", by_host.text());
    assert!(by_host.text().ends_with("the body") && !by_host.text().contains(KEY), "{}", by_host.text());
    let by_path = stage.request("GET", &format!("/preview/{SANDBOX}/3000/x"), &bearer(KEY), b"").await;
    assert!(by_path.text().starts_with("GET /x\n"), "{}", by_path.text());
    let closed = stage.request("GET", &format!("/preview/{SANDBOX}/3001/x"), &bearer(KEY), b"").await;
    assert_eq!(closed.status, 502);
    assert!(closed.text().contains("3001"), "{}", closed.text());
}

#[tokio::test]
async fn an_authorization_that_is_not_ours_is_the_servers_own() {
    let stage = Stage::start().await;
    let headers = format!("{}x-daytona-preview-token: {TOKEN}\r\n", bearer("the-apps-own"));
    let path = format!("/preview/{SANDBOX}/3000/x");
    let seen = stage.request("GET", &path, &headers, b"").await.text();
    assert!(seen.contains("Bearer the-apps-own") && !seen.contains(TOKEN), "{seen}");
}

#[tokio::test]
async fn only_ordinary_ports_of_public_sandboxes_are_open_to_anybody() {
    let stage = Stage::start().await;
    for (path, status) in [
        (format!("/preview/{}/3000/x", cast::PUBLIC), 200),
        (format!("/preview/{}/2280/version", cast::PUBLIC), 401),
        (format!("/preview/{}/22222/", cast::PUBLIC), 401),
        (format!("/toolbox/{}/version", cast::PUBLIC), 401),
        (format!("/preview/{SANDBOX}/3000/x"), 401),
        (format!("/preview/{}/02280/version", cast::PUBLIC), 404),
    ] {
        assert_eq!(stage.request("GET", &path, "", b"").await.status, status, "{path}");
    }
}

#[tokio::test]
async fn a_signed_address_opens_its_file_and_nothing_else_does() {
    let stage = Stage::start().await;
    let file =
        format!("/toolbox/{SANDBOX}/files/download?path=%2Fa+b&expires=0&signature={}", cast::SIGNATURE);
    for method in ["GET", "HEAD"] {
        let answer = stage.request(method, &file, "", b"").await;
        assert_eq!(answer.status, 200, "{method}");
        assert!(
            method == "HEAD" || answer.text().starts_with("GET /files/download?path=%2Fa+b\n"),
            "{}",
            answer.text()
        );
    }
    for path in [
        file.replace(cast::SIGNATURE, "v1_bad"),
        file.replace("%2Fa+b", "%2Fetc"),
        file.replace("/files/download", "/files/info"),
    ] {
        assert_eq!(stage.request("GET", &path, "", b"").await.status, 401, "{path}");
    }
    let wrong = stage.request("POST", &file, "", b"").await;
    assert_eq!(wrong.status, 401, "a download is no upload");
    let even_with_a_key =
        stage.request("GET", &file.replace(cast::SIGNATURE, "v1_bad"), &bearer(KEY), b"").await;
    assert_eq!(even_with_a_key.status, 401);
    let without_a_path = stage.request("GET", &file.replace("path=%2Fa+b&", ""), "", b"").await;
    assert_eq!(without_a_path.status, 400);
}

#[tokio::test]
async fn old_sdks_find_the_toolbox_at_the_api() {
    let stage = Stage::start().await;
    let path = format!("/api/toolbox/{SANDBOX}/toolbox/files?path=%2Ftmp");
    let answer = stage.request("GET", &path, &bearer(KEY), b"").await;
    assert!(answer.text().starts_with("GET /files?path=%2Ftmp\n"), "{}", answer.text());
    assert_eq!(stage.request("GET", &path, "", b"").await.status, 401);
}

#[tokio::test]
async fn metrics_are_told_by_who_knows_the_limits() {
    let stage = Stage::start().await;
    let path = format!("/toolbox/{SANDBOX}/system/metrics");
    let answer = stage.request("GET", &path, &bearer(KEY), b"").await;
    let metrics: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((&metrics["cpuUsedPct"], &metrics["diskTotal"]), (&50.0.into(), &2.into()));
    assert_eq!(stage.request("GET", &path, "", b"").await.status, 401);
}
