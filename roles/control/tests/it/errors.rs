//! What every refusal has in common.

use axum::body::{Body, Bytes};
use axum::http::{Method, Request, StatusCode, header};
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn unknown_paths_and_methods_are_not_found_in_the_same_form() {
    let world = World::start().await;
    for (method, path) in [
        (Method::GET, "/api/nothing"),
        (Method::GET, "/api"),
        (Method::GET, "/api/"),
        (Method::GET, "/api/sandbox/a/b/c"),
        (Method::PATCH, "/api/sandbox"),
        (Method::DELETE, "/api/config"),
        (Method::POST, "/api/socket.io/"),
        (Method::GET, "/other"),
        (Method::POST, "/internal/v1/authorize"),
    ] {
        let answer = world.call(method.clone(), path, &world.key, None).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
        assert!(answer.message(path).contains(path));
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_or_too_long_is_refused() {
    let world = World::start().await;
    let send = |body: Body| {
        let request =
            Request::post("/api/sandbox").header(header::AUTHORIZATION, format!("Bearer {}", world.key));
        world.send(request.body(body).unwrap())
    };
    for text in ["{", "{\"name\":}", "nul", "\u{feff}{}", "{\"a\":1}{\"b\":2}"] {
        let answer = send(Body::from(text)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{text}");
        assert!(answer.message("/api/sandbox").contains("JSON"));
    }
    let answer = send(Body::from(vec![0xff_u8; 100])).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = send(Body::from("[".repeat(500_000))).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "deep nesting does not exhaust the stack");
    let huge = json!({"env": {"A": "x".repeat(1 << 20)}}).to_string();
    let answer = send(Body::from(huge)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    answer.message("/api/sandbox");
    let endless =
        futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 65_536])));
    assert_eq!(send(Body::from_stream(endless)).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let broken = futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("gone")) });
    assert_eq!(send(Body::from_stream(broken)).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_browser_of_any_origin_may_call_without_credentials() {
    let world = World::start().await;
    let request = Request::builder()
        .method(Method::OPTIONS)
        .uri("/api/sandbox")
        .header(header::ORIGIN, "https://app.example.com")
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "authorization, x-daytona-source")
        .body(Body::empty());
    let answer = world.send(request.unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    assert_eq!(answer.headers[header::ACCESS_CONTROL_ALLOW_HEADERS], "authorization, x-daytona-source");
    assert!(answer.headers[header::ACCESS_CONTROL_ALLOW_METHODS].to_str().unwrap().contains("PATCH"));
    assert!(!answer.headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
    let request =
        Request::get("/api/sandbox").header(header::ORIGIN, "https://app.example.com").body(Body::empty());
    let refused = world.send(request.unwrap()).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(refused.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*", "a script may read why");
}

#[tokio::test]
async fn a_store_that_is_gone_is_told_as_unavailable_without_its_words() {
    let world = World::start().await;
    let blocked = rusqlite::Connection::open(world.directory.path().join("control.db")).unwrap();
    blocked.execute_batch("BEGIN EXCLUSIVE").unwrap();
    // Reads go on; a write waits as long as SQLite is told to and then fails.
    assert_eq!(world.get("/api/sandbox").await.status, StatusCode::OK);
    let answer = world.post("/api/sandbox", json!({"name": "web"})).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let message = answer.message("/api/sandbox");
    assert!(!message.contains("locked") && !message.contains("sqlite"), "{message}");
    blocked.execute_batch("ROLLBACK").unwrap();
    assert_eq!(world.post("/api/sandbox", json!({"name": "web"})).await.status, StatusCode::OK);
}
